package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"aaa-api/bench/naive"
)

// backendSecret is the secret of the RADIUS responder.
const backendSecret = "bench-secret-of-the-responder"

// runHTTPServer serves the naive gateway (args: the responder's address) or the echo.
func runHTTPServer(kind string, args []string) error {
	handler := naive.Echo()
	if kind == "naive" {
		if len(args) != 1 {
			return errors.New("naive takes the address of the responder")
		}
		handler = naive.Gateway(args[0], backendSecret)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, l.Addr())
	return http.Serve(l, handler) // the process is ended by whoever started it
}
