// Package listeners has what the listeners for network devices share: the TLS configuration, and who a peer is. The listeners themselves are
// packages below.
//
// They run in the process that strangers reach. They check and bound what comes, and hand each packet over as it came (package ingress):
// they know neither secrets nor accounts.
package listeners

import "sync/atomic"

var conns atomic.Uint64

// NextConn numbers a connection, for ingress.Packet.Conn. No two of the process have the same number.
func NextConn() uint64 { return conns.Add(1) }
