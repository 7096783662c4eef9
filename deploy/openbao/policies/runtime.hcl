# sallyport, login "runtime": serves requests. Reads grants and data keys, replaces grants by check-and-set, seals
# into the outbox what it can never take out again. It creates no grant and no key, and lists and destroys nothing.
# setup.mjs fills in the names; a line with a group stands once for each group.

path "{{kv}}/data/t/{{tenant}}/g/{{group}}/grants/+/+" { capabilities = ["read", "update"] }
path "{{kv}}/data/t/{{tenant}}/g/{{group}}/keys/+" { capabilities = ["read"] }
path "{{kv}}/data/t/{{tenant}}/outbox/+" { capabilities = ["create"] }

path "{{transit}}/decrypt/kek.{{tenant}}.{{group}}" { capabilities = ["update"] }
path "{{transit}}/hmac/idx.{{tenant}}.{{group}}/sha2-256" { capabilities = ["update"] }
path "{{transit}}/encrypt/out.{{tenant}}" { capabilities = ["update"] }

# Only whether the keys are there; Transit never shows the keys themselves.
path "{{transit}}/keys/kek.{{tenant}}.{{group}}" { capabilities = ["read"] }
path "{{transit}}/keys/idx.{{tenant}}.{{group}}" { capabilities = ["read"] }
path "{{transit}}/keys/out.{{tenant}}" { capabilities = ["read"] }
