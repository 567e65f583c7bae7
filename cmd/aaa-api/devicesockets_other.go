//go:build !linux

package main

import (
	"errors"
	"net"
	"syscall"
)

// sharePort is for fronts, which are processes on Linux alone.
func sharePort(string, string, syscall.RawConn) error {
	return errors.New("several fronts work on Linux alone")
}

// growBuffer leaves the buffer as the system makes it: some refuse a size beyond their limit.
func growBuffer(*net.UDPConn) error { return nil }
