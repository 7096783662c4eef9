package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
)

func main() {
	proxy := &url.URL{Scheme: "http", Host: "127.0.0.1:9180", User: url.UserPassword("x", os.Getenv("SALLYPORT_TOKEN"))}
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	answer, err := client.Get("http://orders.internal/orders/1")
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(os.Stdout, answer.Body)
}
