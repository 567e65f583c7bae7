//go:build !embedded

package actions

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"aaa-api/internal/fsm"
	"aaa-api/internal/router"
)

// MKERB lets a Kerberos 5 server (KDC) say whether the request's password is right, by an AS
// exchange (RFC 4120 §3.1) over TCP for a ticket that is thrown away.
//
// The KDC is not authenticated: that would take a keytab of a service and a TGS exchange with it,
// which this action does not have. Who can take a KDC's place on the network can say yes to any name;
// what is between this service and the KDC has to be trusted, as with the old action.
//
// Names are users of the realm in the line: bob, or bob@REALM with that same realm. Another
// realm, and names with more than one component (bob/admin, host/…), are answered with NAK and never asked for.
type MKERB struct {
	kdc kdcClient
}

// NewMKERB makes the action. A nil resolver is the host's.
func NewMKERB(resolver *net.Resolver) *MKERB { return &MKERB{newKDCClient(resolver)} }

func mkerb() router.Action { return NewMKERB(nil) }

// Spec implements router.Action.
func (*MKERB) Spec() fsm.Spec {
	return fsm.Spec{
		Name: "MKERB", Does: "asks a Kerberos server to check the password; ERROR if none answers or the clocks differ",
		Later: byPassword, Decides: true, NeedsXstring: true,
		Xstring: "REALM (DNS gives its servers, by SRV) or REALM@host:port,host:port (at most 8; by default port 88)",
	}
}

// maxKrbPassword bounds a password, in octets.
const maxKrbPassword = 1024

// Run implements router.Action.
func (a *MKERB) Run(m *router.Machine, line *fsm.Line) fsm.Event {
	realm, kdcs, err := parseRealm(line.Xstring)
	if err != nil {
		m.Log().Error("MKERB: Xstring is not usable", "xstring", line.Xstring, "error", err)
		return soon(m, fsm.ERROR)
	}
	log := m.Log()
	kdc := a.kdc
	kdc.reach = m.Reach()
	return withLogin(m, func(ctx context.Context, l *login) router.Answer {
		user, known := localName(l.name, realm)
		if !known || len(l.password) > maxKrbPassword {
			return router.Answer{Event: fsm.NAK}
		}
		event, err := kdc.login(ctx, realm, kdcs, user, l.password)
		if err != nil && event == fsm.ERROR {
			log.Warn("MKERB: no answer of a Kerberos server that can be used", "realm", realm, "error", err)
		}
		return router.Answer{Event: event}
	})
}

// maxKDCs bounds the servers of a realm that are tried.
const maxKDCs = 8

// parseRealm reads REALM or REALM@host:port,host:port.
func parseRealm(text string) (realm string, kdcs []string, err error) {
	realm, list, named := strings.Cut(text, "@")
	if realm == "" || len(realm) > 253 || strings.ContainsFunc(realm, func(r rune) bool { return r <= ' ' || r > '~' || r == '/' || r == '\\' }) {
		return "", nil, errors.New("the realm is empty or has characters that are not allowed")
	}
	if !named {
		return realm, nil, nil
	}
	for addr := range strings.SplitSeq(list, ",") {
		host, port, err := net.SplitHostPort(addr)
		if err != nil { // without a port, or an IPv6 address in brackets without one
			host, port = strings.TrimSuffix(strings.TrimPrefix(addr, "["), "]"), "88"
		}
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 || host == "" || strings.ContainsAny(host, " \t@/%") {
			return "", nil, errors.New("a server is written host or host:port")
		}
		kdcs = append(kdcs, net.JoinHostPort(host, port))
	}
	if len(kdcs) > maxKDCs {
		return "", nil, errors.New("more than 8 servers")
	}
	return realm, kdcs, nil
}

// localName is the one component of a user's name in the realm; false for every name that could be somebody else's.
func localName(name, realm string) (string, bool) {
	if at := strings.LastIndexByte(name, '@'); at >= 0 {
		if !strings.EqualFold(name[at+1:], realm) {
			return "", false
		}
		name = name[:at]
	}
	return name, name != "" && len(name) <= 253 && utf8.ValidString(name) &&
		!strings.ContainsAny(name, `/@\`) && !strings.ContainsFunc(name, unicode.IsControl)
}
