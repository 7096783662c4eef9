"""One request with httpx, through the proxy that the environment names; prints what came of it as JSON."""

import json
import os
import ssl
import sys

import httpx

method, url, body = sys.argv[1:4]
trusted = ssl.create_default_context(cafile=os.environ["CA_FILE"])
try:
    with httpx.Client(verify=trusted, follow_redirects=True, timeout=20) as client:
        answer = client.request(method, url, content=body or None)
    out = {"status": answer.status_code, "body": answer.text, "url": str(answer.url)}
except httpx.HTTPError as error:
    out = {"error": str(error)}
print(json.dumps(out))
