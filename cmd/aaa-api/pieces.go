package main

import (
	"bytes"
	"io"
	"os"
)

// wholeLines keeps lines whole that several processes write to one pipe or socket: a piece of at most pieceOctets is not torn (pipe(7)).
// Files are written at their end in one piece, whatever its length.
func wholeLines(out io.Writer) io.Writer {
	f, ok := out.(*os.File)
	if !ok {
		return out
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		return out
	}
	return pieces{out}
}

// pieceOctets is PIPE_BUF of Linux.
const pieceOctets = 4096

type pieces struct{ out io.Writer }

// Write implements io.Writer.
func (p pieces) Write(lines []byte) (written int, err error) {
	for len(lines) > 0 {
		n := len(lines)
		if n > pieceOctets {
			n = pieceOctets
			if end := bytes.LastIndexByte(lines[:n], '\n'); end >= 0 {
				n = end + 1
			} else if end := bytes.IndexByte(lines, '\n'); end >= 0 {
				n = end + 1 // a longer line, which may be torn
			} else {
				n = len(lines)
			}
		}
		w, err := p.out.Write(lines[:n])
		written += w
		if err != nil {
			return written, err
		}
		lines = lines[n:]
	}
	return written, nil
}
