package main

import (
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// upstream answers by the last segment of the path, so that a proxy may put a prefix before it: echo (the headers as
// they came), digest (SHA-256 of each header's value), sink (takes a body, says its length), sse (a stream without an
// end), mcp (an MCP server), count.
func upstream(args []string) error {
	flags := flag.NewFlagSet("upstream", flag.ExitOnError)
	address := flags.String("listen", "127.0.0.1:0", "")
	_ = flags.Parse(args)
	var served int64
	handle := func(w http.ResponseWriter, r *http.Request) {
		last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
		if last == "count" {
			fmt.Fprintf(w, "%d", atomic.LoadInt64(&served))
			return
		}
		atomic.AddInt64(&served, 1)
		switch last {
		case "echo":
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(r.Header)
		case "digest":
			digests := map[string]string{}
			for name, values := range r.Header {
				digests[name] = fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(values, ","))))
			}
			_ = json.NewEncoder(w).Encode(digests)
		case "sink":
			length, err := io.Copy(io.Discard, r.Body)
			if err == nil {
				fmt.Fprintf(w, `{"length":%d}`, length)
			}
		case "sse":
			stream(w, r)
		case "mcp":
			mcp(w, r)
		default:
			http.NotFound(w, r)
		}
	}
	listener, err := net.Listen("tcp", *address)
	if err != nil {
		return err
	}
	return http.Serve(listener, http.HandlerFunc(handle))
}

func stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	beat := time.NewTicker(10 * time.Second)
	defer beat.Stop()
	for {
		if _, err := io.WriteString(w, "data: {\"n\":1}\n\n"); err != nil {
			return
		}
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
		}
	}
}
