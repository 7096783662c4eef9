// Command client makes one request with net/http, through the proxy that the environment names, and prints what came
// of it as JSON. It trusts the certificates in $CA besides.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	method, url, body := os.Args[1], os.Args[2], os.Args[3]
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(os.Getenv("CA")))
	client := &http.Client{Transport: &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{RootCAs: roots},
	}}
	out := map[string]any{}
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err == nil {
		var answer *http.Response
		if answer, err = client.Do(request); err == nil {
			text, _ := io.ReadAll(answer.Body)
			out["status"], out["body"], out["url"] = answer.StatusCode, string(text), answer.Request.URL.String()
		}
	}
	if err != nil {
		out["error"] = err.Error()
	}
	_ = json.NewEncoder(os.Stdout).Encode(out)
}
