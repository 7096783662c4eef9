# sallyport, login "connecting": makes a grant, and a principal's data key where there is none, also over a tombstone.
# It wraps new keys and cannot unwrap any, so what it reads stays ciphertext to it. It destroys nothing.
# setup.mjs fills in the names; a line with a group stands once for each group.

path "{{kv}}/data/t/{{tenant}}/g/{{group}}/grants/+/+" { capabilities = ["create", "read", "update"] }
path "{{kv}}/data/t/{{tenant}}/g/{{group}}/keys/+" { capabilities = ["create", "read", "update"] }

path "{{transit}}/encrypt/kek.{{tenant}}.{{group}}" { capabilities = ["update"] }
