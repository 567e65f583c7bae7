package engines

import (
	"errors"
	"syscall"
	"time"

	"aaa-api/internal/aaa"
)

// Lacking reports that this machine lacks what a socket needs: a descriptor, or memory. That says nothing of a server.
func Lacking(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// ErrLacking is the error of a request for which no socket can be opened: no other server will be asked with more luck.
func ErrLacking(err error) error {
	return &aaa.Error{
		Kind: aaa.KindBusy, Message: "this node can open no socket to ask a server from: it has too many files open, or no memory for it",
		RetryAfter: time.Second, Err: err,
	}
}
