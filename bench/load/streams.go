package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// streams opens many answers that do not end, reads the first event of each, says "open" and holds them until its
// standard input closes.
func streams(args []string) error {
	flags := flag.NewFlagSet("streams", flag.ExitOnError)
	count := flags.Int("count", 1000, "")
	to := targetOf(flags, args)
	for n := 0; n < *count; n++ {
		connection, err := net.Dial("tcp", to.address)
		if err != nil {
			return err
		}
		if _, err := connection.Write(to.request); err != nil {
			return err
		}
		reader := bufio.NewReader(connection)
		for line, first := "", true; !strings.HasPrefix(line, "data:"); first = false {
			if line, err = reader.ReadString('\n'); err != nil {
				return err
			}
			if first && !strings.HasPrefix(line, "HTTP/1.1 200") {
				return fmt.Errorf("stream %d: the answer was %q", n, line)
			}
		}
		go func() { _, _ = io.Copy(io.Discard, reader) }()
	}
	fmt.Println("open")
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}
