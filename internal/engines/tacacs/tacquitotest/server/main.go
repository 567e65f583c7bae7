// Command server is a TACACS+ server, tacquito, for tests and examples: PAP and ASCII logins, command
// authorization and accounting. Its first line of output is the address on which it listens; the lines
// that follow are accounting records in JSON. It ends on SIGTERM, or when the pipe closes that is
// its standard input. It is not for production: secrets are arguments of the process.
//
//	server -secret S -user bob:password -permit "show .*" -permit "ping 192\.0\.2\.1" -set priv-lvl=15
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"aaa-api/internal/engines/tacacs/tacquitotest"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "server:", err)
		os.Exit(1)
	}
}

// run serves until it is told to end. It does not wait for connections to go.
func run(args []string, stdin *os.File, stdout io.Writer) error {
	opts, err := parse(args)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	line := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(stdout, text)
	}
	mu.Lock() // the address comes first
	opts.Acct, opts.Log = line, os.Stderr
	s, err := tacquitotest.Start(opts)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, s.Addr())
	mu.Unlock()

	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, os.Interrupt)
	// A terminal or /dev/null says nothing about whoever started it.
	if info, err := stdin.Stat(); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			end <- syscall.SIGTERM
		}()
	}
	<-end
	return nil
}

// parse reads the flags.
func parse(args []string) (tacquitotest.Options, error) {
	opts := tacquitotest.Options{Users: make(map[string]string), Permit: make(map[string][]string), Shell: make(map[string]string)}
	fs := flag.NewFlagSet("server", flag.ContinueOnError)
	fs.StringVar(&opts.Address, "listen", "127.0.0.1:0", "`address`, IPv4; port 0: a free one")
	fs.StringVar(&opts.Secret, "secret", "", "shared `secret`")
	fs.BoolVar(&opts.Quick, "quick", false, "serve PAP logins alone, as fast as tacquito can, for measurements")
	pair := func(name, usage, separator string, add func(first, rest string)) {
		fs.Func(name, usage, func(s string) error {
			first, rest, ok := strings.Cut(s, separator)
			if !ok || first == "" {
				return fmt.Errorf("has no %q", separator)
			}
			add(first, rest)
			return nil
		})
	}
	pair("user", "`name:password`; again for more", ":", func(name, password string) { opts.Users[name] = password })
	pair("permit", "`command and regular expression` of its arguments that users may give; again for more", " ", func(command, match string) {
		opts.Permit[command] = append(opts.Permit[command], match)
	})
	pair("set", "`name=value` that the service exec sets; again for more", "=", func(name, value string) { opts.Shell[name] = value })
	switch err := fs.Parse(args); {
	case err != nil:
		return opts, err
	case fs.NArg() > 0:
		return opts, fmt.Errorf("what is %q?", fs.Arg(0))
	case opts.Secret == "" || len(opts.Users) == 0:
		return opts, errors.New("-secret and -user are needed")
	}
	return opts, nil
}
