package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// silentFD is the descriptor of the silent port in the process of an attack.
const silentFD = 3

// apart is the attack of a name, made by a process of its own for as long as its standard input is open.
func (t *tenants) apart(name string) attack {
	return func(ctx context.Context) (string, error) {
		self, err := os.Executable()
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(t)
		if err != nil {
			return "", err
		}
		var became bytes.Buffer
		cmd := exec.Command(self, "attack", name) //nolint:noctx // ctx ends it by its standard input, so that it can say how it fared
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
		complaint := &tail{}
		cmd.Stdout, cmd.Stderr = &became, complaint
		if t.silent != nil {
			f, err := t.silent.File()
			if err != nil {
				return "", err
			}
			defer f.Close()
			cmd.ExtraFiles = []*os.File{f}
		}
		in, err := cmd.StdinPipe()
		if err != nil {
			return "", err
		}
		if err := cmd.Start(); err != nil {
			return "", err
		}
		defer context.AfterFunc(ctx, func() { in.Close() })()
		_, _ = in.Write(text) // a process that ended says why
		if err := cmd.Wait(); err != nil {
			return "", fmt.Errorf("attack %s: %w: %s", name, err, complaint)
		}
		return became.String(), nil
	}
}

// runAttack is the process of an attack: the tenants as JSON on standard input, whose end ends the attack, and how it fared
// on standard output.
func runAttack(args []string) error {
	if len(args) != 1 {
		return errors.New("attack: name one")
	}
	list := neighbours()
	i := slices.IndexFunc(list, func(n neighbour) bool { return n.name == args[0] })
	if i < 0 {
		return fmt.Errorf("no attack is named %q", args[0])
	}
	// An attacker has a machine of its own. Here it gets the processor time that the service, the responder and the quiet
	// tenant leave, else their waits for it would count as the service's. The group is this process alone, with all its threads.
	if err := unix.Setpriority(unix.PRIO_PGRP, 0, 19); err != nil {
		return err
	}
	t := &tenants{}
	if err := json.NewDecoder(os.Stdin).Decode(t); err != nil {
		return err
	}
	if conn, err := net.FilePacketConn(os.NewFile(silentFD, "silent")); err == nil {
		t.silent = conn.(*net.UDPConn)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	became, err := list[i].attack(t)(ctx)
	if err != nil {
		return err
	}
	_, err = io.WriteString(os.Stdout, became)
	return err
}
