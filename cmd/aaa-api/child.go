package main

import (
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"aaa-api/internal/logging"
	"aaa-api/internal/processes"
)

// The roles of children: the hidden subcommands that main starts them with.
const (
	rolePrefix = "process-"
	moduleRole = rolePrefix + "secmod"
	frontRole  = rolePrefix + "front"
)

// init runs on the first thread, whose name is the process's.
func init() {
	if isChild(os.Args[1:]) {
		processes.Name("aaa-" + strings.TrimPrefix(os.Args[1], rolePrefix))
	}
}

// isChild reports whether a command line is a child's.
func isChild(args []string) bool {
	return len(args) > 0 && (args[0] == moduleRole || args[0] == frontRole)
}

// child is what the roles share: the channel to main, and the log.
type child struct {
	*processes.Channel
	lines *logging.Writer
	start *processes.Message
	first bool // of the fronts
}

// runChild is a process of the service other than main. It returns the exit code.
func runChild(args []string) int {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2) // main says what is to be done
	channel, err := processes.Inherited()
	if err != nil {
		fmt.Fprintf(os.Stderr, "aaa-api %s: %v\n", args[0], err)
		return 2
	}
	start, err := channel.Receive()
	if err != nil || start.Kind != processes.Start {
		return 1 // main is gone
	}
	c := &child{Channel: channel, lines: logging.NewWriter(wholeLines(os.Stderr)), start: start, first: len(args) > 1 && args[1] == "0"}
	if args[0] == moduleRole {
		err = c.secmod()
	} else {
		err = c.front()
	}
	if err != nil {
		_ = c.Send(processes.Failed, processes.Failure{Text: err.Error()}) // main is gone, or will miss it
	}
	if c.lines.Close() != nil || err != nil {
		return 1
	}
	return 0
}

// messages are what main says, until it is gone: then the process ends at once.
func (c *child) messages() <-chan *processes.Message {
	said := make(chan *processes.Message)
	go func() {
		for {
			m, err := c.Receive()
			if err != nil {
				os.Exit(1)
			}
			said <- m
		}
	}()
	return said
}
