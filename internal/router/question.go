package router

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
	"aaa-api/internal/tenant"
	"aaa-api/internal/translate"
)

// question is a request on its way to the servers of one document.
type question struct {
	router *Router
	req    *aaa.Request
	level  *tenant.Level
	pin    *pin
	tracer *translate.Tracer
}

// message translates the request for one server, into s.
func (q *question) message(s *scratch, server *tenant.Server) error {
	avps, err := server.Rules[q.req.Op].Out(s.avps[:0], q.req.Values, q.tracer)
	if err != nil {
		s.used = cap(s.avps) // who knows how far it came
		return err
	}
	if q.req.Op == aaa.Authz && q.level.AuthzUsername != "" {
		avps = q.credentials(avps)
	}
	if q.pin != nil && len(q.pin.state) > 0 {
		avps = append(avps, aaa.AVP{Attr: q.router.std.State, Value: q.pin.state})
	}
	s.avps, s.used = avps, max(s.used, len(avps))
	s.request = engines.Request{
		Op: q.req.Op, AVPs: avps, Dict: server.Dict,
		NASAddress: q.level.NASAddress, NASPort: q.level.NASPort, HasNASPort: q.level.HasNASPort,
	}
	return nil
}

// credentials adds the document's own to an authz request that brings none.
func (q *question) credentials(avps []aaa.AVP) []aaa.AVP {
	std := &q.router.std
	var name, password bool
	for i := range avps {
		name = name || avps[i].Attr == std.UserName || avps[i].Attr.Name == std.UserName.Name
		password = password || avps[i].Attr.Hidden
	}
	if !name {
		avps = append(avps, aaa.AVP{Attr: std.UserName, Value: []byte(q.level.AuthzUsername)})
	}
	if !password && !q.level.AuthzPassword.IsZero() {
		avps = append(avps, aaa.AVP{Attr: std.UserPassword, Value: []byte(q.level.AuthzPassword.Reveal())})
	}
	return avps
}
