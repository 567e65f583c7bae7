package adminsocket

import (
	"net"

	"golang.org/x/sys/unix"
)

// peer is the user that has made a connection.
func peer(c *net.UnixConn) (uid uint32, known bool, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false, err
	}
	var who *unix.Ucred
	if cerr := raw.Control(func(fd uintptr) {
		who, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	}); cerr != nil {
		err = cerr
	}
	if err != nil {
		return 0, false, err
	}
	return who.Uid, true, nil
}
