# sallyport, login "keeper": puts tombstones over grants and data keys, destroys older versions, and empties the
# outbox. It can neither wrap nor unwrap a data key, so no grant opens to it.
# setup.mjs fills in the names; a line with a group stands once for each group.

path "{{kv}}/data/t/{{tenant}}/g/{{group}}/grants/+/+" { capabilities = ["create", "read", "update"] }
path "{{kv}}/data/t/{{tenant}}/g/{{group}}/keys/+" { capabilities = ["create", "read", "update"] }
path "{{kv}}/metadata/t/{{tenant}}/g/{{group}}/grants/+/+" { capabilities = ["read"] }
path "{{kv}}/metadata/t/{{tenant}}/g/{{group}}/keys/+" { capabilities = ["read"] }
path "{{kv}}/destroy/t/{{tenant}}/g/{{group}}/grants/+/+" { capabilities = ["update"] }
path "{{kv}}/destroy/t/{{tenant}}/g/{{group}}/keys/+" { capabilities = ["update"] }

path "{{kv}}/data/t/{{tenant}}/outbox/+" { capabilities = ["create", "read", "update"] }
path "{{kv}}/metadata/t/{{tenant}}/outbox/+" { capabilities = ["read"] }
path "{{kv}}/destroy/t/{{tenant}}/outbox/+" { capabilities = ["update"] }
path "{{transit}}/decrypt/out.{{tenant}}" { capabilities = ["update"] }
