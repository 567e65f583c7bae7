package actions

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sync/errgroup"

	"aaa-api/internal/egress"
	"aaa-api/internal/fsm"
	"aaa-api/internal/router"
)

// RADDNS resolves the names of servers: a table can tell a fault of DNS from one of a server.
type RADDNS struct {
	Resolver *net.Resolver // nil: the host's
}

// maxLookups bounds the names that one request resolves at once.
const maxLookups = 8

// Spec implements router.Action.
func (RADDNS) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "RADDNS", Does: "resolves the host names of servers: ACK if each has an address, otherwise ERROR",
		Later: []fsm.Event{fsm.ACK, fsm.ERROR}, NeedsXstring: true,
		Xstring: serverOrList,
	}
}

// Run implements router.Action.
func (a RADDNS) Run(m *router.Machine, line *fsm.Line) fsm.Event {
	servers := m.Named(line.Xstring)
	if len(servers) == 0 {
		m.Log().Warn("RADDNS: no enabled server or list has this name", "xstring", line.Xstring)
		return soon(m, fsm.ERROR)
	}
	var names []named
	for _, s := range servers {
		host, port, err := net.SplitHostPort(s.Address)
		if err != nil {
			host = s.Address
		}
		if _, err := netip.ParseAddr(host); err != nil {
			n, _ := strconv.ParseUint(port, 10, 16) // checked when the document was written
			names = append(names, named{host, uint16(n)})
		}
	}
	if len(names) == 0 {
		return soon(m, fsm.ACK)
	}
	log, reach := m.Log(), m.Reach()
	return m.Do(func(ctx context.Context) router.Answer {
		// What is asked for a name that is gone is of no use any more: the first failure ends the others.
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(maxLookups)
		for _, name := range names {
			group.Go(func() (err error) {
				defer func() {
					if v := recover(); v != nil { // else it ends the whole node
						err = fmt.Errorf("the look-up panicked: %v", v)
					}
				}()
				return a.resolve(ctx, reach, name)
			})
		}
		if err := group.Wait(); err != nil {
			log.Warn("RADDNS: a server's name does not resolve", "error", err)
			return router.Answer{Event: fsm.ERROR}
		}
		return router.Answer{Event: fsm.ACK}
	})
}

// named is a server's name and port.
type named struct {
	host string
	port uint16
}

// resolve fails where a name has no address. One that has none but those that the account may not reach fails alike, since a table
// must not tell which names there are behind them.
func (a RADDNS) resolve(ctx context.Context, reach *egress.Account, name named) error {
	addrs, err := a.Resolver.LookupNetIP(ctx, "ip", name.host)
	if err != nil {
		return err
	}
	for _, addr := range addrs {
		if reach.Check(netip.AddrPortFrom(addr, name.port)) == nil {
			return nil
		}
	}
	return &net.DNSError{Err: "no such host", Name: name.host, IsNotFound: true}
}
