package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// How many tools the list has.
const toolCount = 20

type message struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
}

var toolList = func() string {
	tools := make([]string, toolCount)
	for n := range tools {
		tools[n] = fmt.Sprintf(`{"name":"tool_%d","title":"Tool %d","description":"Looks up the orders of a customer, newest first, with their state and amounts.","inputSchema":{"type":"object","properties":{"customer":{"type":"string"},"limit":{"type":"integer","minimum":1,"maximum":100}},"required":["customer"]}}`, n, n)
	}
	return strings.Join(tools, ",")
}()

// mcp plays an MCP server (Streamable HTTP, 2025-11-25): a call is answered with a text, a list with twenty tools, and a
// GET is a stream without an end.
func mcp(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		stream(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	var asked message
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	result := `{"content":[{"type":"text","text":"order 7: shipped, 12.50 EUR"}]}`
	if asked.Method == "tools/list" {
		result = `{"tools":[` + toolList + `]}`
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":%s}`, asked.ID, result)
}
