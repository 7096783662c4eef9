// The load programs of the bench that wrk and nginx cannot play: an upstream that echoes, swallows and streams,
// a generator with a fixed rate (open loop), and one that holds streams open.
package main

import (
	"fmt"
	"os"
)

func main() {
	programs := map[string]func([]string) error{"upstream": upstream, "open": open, "streams": streams}
	if len(os.Args) > 1 {
		if program, known := programs[os.Args[1]]; known {
			if err := program(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			return
		}
	}
	fmt.Fprintln(os.Stderr, "usage: load upstream|open|streams [options]")
	os.Exit(2)
}
