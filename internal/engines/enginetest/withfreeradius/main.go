// Command withfreeradius runs a command, such as go test ./..., with one FreeRADIUS
// for all test processes that it starts:
//
//	go run ./internal/engines/enginetest/withfreeradius go test ./...
//
// Its exit status is the command's.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"

	"aaa-api/internal/engines/enginetest"
)

func main() { os.Exit(run()) }

func run() int {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: withfreeradius COMMAND [ARGUMENT...]")
		return 2
	}
	dir, err := os.MkdirTemp("", "aaa-api-freeradius-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	_, stop, err := enginetest.LaunchFreeRADIUS(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), enginetest.FreeRADIUSEnv+"="+dir)
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}
