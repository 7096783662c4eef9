package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sort"
	"strings"
	"sync"
	"syscall"
	"time"
)

type target struct {
	address string
	request []byte
}

func targetOf(flags *flag.FlagSet, args []string) target {
	address := flags.String("address", "", "host:port")
	path := flags.String("path", "/", "")
	headers := flags.String("headers", "", "file with one header per line")
	_ = flags.Parse(args)
	text, err := os.ReadFile(*headers)
	if err != nil {
		text = nil
	}
	lines := strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\r\n")
	if lines != "" {
		lines += "\r\n"
	}
	return target{*address, []byte(fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", *path, *address, lines))}
}

// open sends at a fixed rate whatever the answers do. A latency begins at the moment the request was due, not when it
// could be sent, so that a stall of the server counts for every request that it held up.
func open(args []string) error {
	flags := flag.NewFlagSet("open", flag.ExitOnError)
	rate := flags.Int("rate", 2000, "requests per second")
	span := flags.Duration("for", 4*time.Second, "")
	warm := flags.Duration("warm", 2*time.Second, "")
	connections := flags.Int("connections", 32, "")
	to := targetOf(flags, args)
	runtime.GOMAXPROCS(4)

	due := make(chan time.Time, 1<<20)
	var lock sync.Mutex
	var latencies []time.Duration
	failed := 0
	start := time.Now().Add(100 * time.Millisecond)
	from := start.Add(*warm)
	var workers sync.WaitGroup
	for n := 0; n < *connections; n++ {
		connection, err := net.Dial("tcp", to.address)
		if err != nil {
			return err
		}
		workers.Add(1)
		go func() {
			defer workers.Done()
			reader := bufio.NewReaderSize(connection, 64<<10)
			for at := range due {
				_, err := connection.Write(to.request)
				if err == nil {
					err = readAnswer(reader)
				}
				took := time.Since(at)
				lock.Lock()
				if err != nil {
					failed++
				} else if at.After(from) {
					latencies = append(latencies, took)
				}
				lock.Unlock()
				if err != nil {
					return
				}
			}
		}()
	}
	pace(start, *rate, *warm+*span, due)
	close(due)
	workers.Wait()
	sort.Slice(latencies, func(a, b int) bool { return latencies[a] < latencies[b] })
	at := func(share float64) float64 {
		if len(latencies) == 0 {
			return 0
		}
		return float64(latencies[int(share*float64(len(latencies)-1))].Nanoseconds()) / 1e6
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"requests": len(latencies), "failed": failed, "p50": at(0.5), "p90": at(0.9), "p99": at(0.99), "max": at(1),
	})
}

// pace says when each request is due. Go's own timers round to a millisecond where nothing else runs, so the thread
// sleeps by the kernel's.
func pace(start time.Time, rate int, span time.Duration, due chan<- time.Time) {
	runtime.LockOSThread()
	const setTimerSlack = 29 // prctl(2) PR_SET_TIMERSLACK
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
	for n := 0; n < int(span.Seconds()*float64(rate)); n++ {
		at := start.Add(time.Duration(n) * time.Second / time.Duration(rate))
		for wait := time.Until(at); wait > 0; wait = time.Until(at) {
			pause := syscall.NsecToTimespec(wait.Nanoseconds())
			_ = syscall.Nanosleep(&pause, nil)
		}
		due <- at
	}
}

// readAnswer takes one answer off the connection; anything but 200 is an error.
func readAnswer(reader *bufio.Reader) error {
	length, chunked := 0, false
	for first := true; ; first = false {
		line, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		if first && !strings.HasPrefix(line, "HTTP/1.1 200") {
			return fmt.Errorf("the answer was %q", line)
		}
		if line == "\r\n" {
			break
		}
		name, value, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "content-length":
			_, _ = fmt.Sscan(value, &length)
		case "transfer-encoding":
			chunked = true
		}
	}
	if !chunked {
		_, err := reader.Discard(length)
		return err
	}
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		var size int
		if _, err := fmt.Sscanf(line, "%x", &size); err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, reader, int64(size)+2); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}
