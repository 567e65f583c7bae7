package actions

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sync/errgroup"

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
		Name: "RADDNS", Does: "resolves the host names of servers: ACK where each has an address, else ERROR",
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
	var names []string
	for _, s := range servers {
		host, _, err := net.SplitHostPort(s.Address)
		if err != nil {
			host = s.Address
		}
		if _, err := netip.ParseAddr(host); err != nil {
			names = append(names, host)
		}
	}
	if len(names) == 0 {
		return soon(m, fsm.ACK)
	}
	log := m.Log()
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
				_, err = a.Resolver.LookupNetIP(ctx, "ip", name)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			log.Warn("RADDNS: a server's name does not resolve", "error", err)
			return router.Answer{Event: fsm.ERROR}
		}
		return router.Answer{Event: fsm.ACK}
	})
}
