//go:build !linux

package radius

import "net"

// controlOctets is no room: on other systems the kernel chooses the address of a reply.
const controlOctets = 0

func countDrops(*net.UDPConn) error { return nil }

func pathOf([]byte) (p path, drops uint32) { return p, 0 }

func controlOf(path) []byte { return nil }
