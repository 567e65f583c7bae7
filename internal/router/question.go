package router

import (
	"context"
	"encoding/hex"
	"slices"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/limits"
	"aaa-api/internal/plans"
	"aaa-api/internal/translate"
)

// question is a request on its way to the servers of one document.
type question struct {
	router *Router
	req    *aaa.Request
	level  *plans.CompiledDocument
	pin    *pin
	tracer *translate.Tracer
	mark   mark

	allowance *limits.Allowance // nil: nothing is sent
	budget    *translate.Budget
	hides     bool // the message is shown to somebody who may not read the document
}

// mark is what every server is told alike, so that one accounting record, wherever it is tried
// and however often, looks like one.
type mark struct {
	begun    time.Time // when the caller's request arrived
	happened time.Time // what an accounting record tells of; zero: when the request arrived
	session  string    // an identifier for a record that brings none; of accounting alone
}

func newMark(req *aaa.Request, begun time.Time) mark {
	m := mark{begun: begun, happened: req.Happened, session: req.SessionID}
	if req.Op == aaa.Accounting && m.session == "" {
		var id [8]byte
		aaa.Random(id[:])
		m.session = hex.EncodeToString(id[:])
	}
	return m
}

// message translates the request for one server, into s. That of a device goes as it was sent, unless the document says otherwise.
func (q *question) message(ctx context.Context, s *scratch, server *plans.Server) error {
	var avps []aaa.AVP
	var err error
	if q.level.AsSent(q.req) {
		var whole int
		avps, whole, err = q.asSent(s.avps[:0], server)
		s.used = max(s.used, whole)
	} else {
		avps, err = server.Rules[q.req.Op].Out(ctx, s.avps[:0], q.req.Values, q.budget, q.tracer)
	}
	if err != nil {
		s.used = cap(s.avps) // who knows how far it came
		return err
	}
	if q.req.Op == aaa.Authz {
		avps = q.credentials(avps)
	}
	if q.pin != nil && len(q.pin.state) > 0 {
		avps = append(avps, aaa.AVP{Attr: q.router.std.State, Value: q.pin.state})
	}
	if q.tracer.Trace != nil {
		q.tellOmitted(server, avps)
	}
	var d aaa.Dictionary = server.Dict
	nas, port, hasPort := q.level.NASAddress, q.level.NASPort, q.level.HasNASPort
	if q.level.AsSent(q.req) {
		nas, port, hasPort = nasOf(q.req.Device), 0, false
	}
	if q.req.Device != nil {
		d = &layers{server.Dict, q.router.std.all}
	}
	s.avps, s.used = avps, max(s.used, len(avps))
	s.request = engines.Request{
		Op: q.req.Op, Account: q.req.Account, AVPs: avps, Dict: d,
		NASAddress: nas, NASPort: port, HasNASPort: hasPort,
		Begun: q.mark.begun, Happened: q.mark.happened, SessionID: q.mark.session, Allowance: q.allowance,
	}
	if q.req.Device != nil {
		s.request.ProxyState = q.router.proxyState
	}
	if q.tracer.Trace != nil {
		s.request.Added = q.added(server)
	}
	return nil
}

// credentials adds the document's own, each by itself, to an authz request that brings none. A device's gets no name: what it asks for
// nobody is not to be permitted by somebody's rights.
func (q *question) credentials(avps []aaa.AVP) []aaa.AVP {
	std := &q.router.std
	if q.req.Device == nil && q.level.AuthzUsername != "" && !brings(avps, (*aaa.Attribute).NamesUser) {
		q.tracer.Added("User-Name", "") // whose, a token below the document's account is not told
		name := q.level.AuthzUsername
		if q.hides {
			name = aaa.Mask
		}
		avps = append(avps, aaa.AVP{Attr: std.UserName, Value: []byte(name)})
	}
	// A packet holds one kind of credential (RFC 2865 §4.1, RFC 3579 §3.3): the document's goes with none of the caller's.
	if !q.level.AuthzPassword.IsZero() && !brings(avps, (*aaa.Attribute).Proves) {
		q.tracer.Added("User-Password", "")
		avps = append(avps, aaa.AVP{Attr: std.UserPassword, Value: []byte(q.level.AuthzPassword.Reveal())})
	}
	return avps
}

func brings(avps []aaa.AVP, what func(*aaa.Attribute) bool) bool {
	return slices.ContainsFunc(avps, func(v aaa.AVP) bool { return what(v.Attr) })
}

// inKeys gives an engine's faults the paths that the caller knows. A device knows the attributes that it sent.
func inKeys(level *plans.CompiledDocument, server *plans.Server, req *aaa.Request, err error) error {
	if level.AsSent(req) {
		return err
	}
	return server.Rules[req.Op].InKeys(err, req.Values)
}

func isStandard(a *aaa.Attribute, number uint32) bool {
	return a.Vendor == nil && a.Parent == nil && a.Number == number
}
