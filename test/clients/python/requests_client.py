"""One request with requests, through the proxy that the environment names; prints what came of it as JSON."""

import json
import os
import sys

import requests

method, url, body = sys.argv[1:4]
try:
    answer = requests.request(method, url, data=body or None, verify=os.environ["CA_FILE"], timeout=20)
    out = {"status": answer.status_code, "body": answer.text, "url": answer.url}
except requests.RequestException as error:
    out = {"error": str(error)}
print(json.dumps(out))
