package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/operations"
	"aaa-api/internal/schema"
	"aaa-api/internal/store"
	"aaa-api/internal/web"
)

// sessionView is an AAA session as answers show it.
type sessionView struct {
	ID            string           `json:"id"`
	Account       aaa.AccountID    `json:"account_id"`
	State         aaa.SessionState `json:"state"`
	Open          bool             `json:"open"`
	Suspended     bool             `json:"suspended,omitempty"`
	User          string           `json:"user,omitempty"`
	Server        string           `json:"server,omitempty"`
	Rounds        int              `json:"rounds"`
	AcctSessionID string           `json:"acct_session_id,omitempty"`

	Counters        countersView `json:"counters"`
	InterimInterval int          `json:"interim_interval,omitempty"`
	SessionTimeout  int          `json:"session_timeout,omitempty"`
	IdleTimeout     int          `json:"idle_timeout,omitempty"`

	CreatedAt   time.Time `json:"created_at"`
	OpenedAt    time.Time `json:"opened_at,omitzero"`
	SuspendedAt time.Time `json:"suspended_at,omitzero"`
	EndedAt     time.Time `json:"ended_at,omitzero"`
	ExpiresAt   time.Time `json:"expires_at,omitzero"`
	Cause       string    `json:"cause,omitempty"`

	Device *deviceView `json:"device,omitempty"`
}

// deviceView is the network device that keeps a session.
type deviceView struct {
	Account aaa.AccountID `json:"account_id"`
	Client  string        `json:"client"`
	Address string        `json:"address"`
}

// disconnectedView is a device's answer to a Disconnect-Request.
type disconnectedView struct {
	Acknowledged bool   `json:"acknowledged"`
	ErrorCause   uint32 `json:"error_cause,omitempty"`
}

type countersView struct {
	InputOctets   uint64 `json:"input_octets"`
	OutputOctets  uint64 `json:"output_octets"`
	InputPackets  uint64 `json:"input_packets"`
	OutputPackets uint64 `json:"output_packets"`
	SessionTime   uint64 `json:"session_time"`
}

func viewSession(s aaa.Session) sessionView {
	v := sessionView{
		ID: s.ID, Account: s.Account, State: s.State, Open: s.Open, Suspended: !s.SuspendedAt.IsZero(), User: s.User, Server: s.Server, Rounds: s.Rounds, AcctSessionID: s.AcctSessionID,
		Counters:        countersView(s.Counters),
		InterimInterval: s.InterimInterval, SessionTimeout: s.SessionTimeout, IdleTimeout: s.IdleTimeout,
		CreatedAt: s.CreatedAt.UTC(), OpenedAt: s.OpenedAt.UTC(), SuspendedAt: s.SuspendedAt.UTC(), EndedAt: s.EndedAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(), Cause: s.Cause,
	}
	if !s.Device.IsZero() {
		v.Device = &deviceView{s.Device.Owner, s.Device.Client, s.Device.Address}
	}
	return v
}

// ViewSession is an AAA session as answers show it, to be written as JSON.
func ViewSession(s aaa.Session) any { return viewSession(s) }

// stepView is the answer to a verb. What a backend named stands apart from what this service says.
type stepView struct {
	Result aaa.SessionResult `json:"result"`
	SID    string            `json:"sid,omitempty"`
	Prompt *string           `json:"prompt,omitempty"` // with a challenge, be it empty
	Echo   *bool             `json:"echo,omitempty"`   // with a challenge
	// Challenge is the id of a challenge, which its answer brings back.
	Challenge string      `json:"challenge,omitempty"`
	Holder    string      `json:"holder,omitempty"` // of an opened session
	Session   sessionView `json:"session"`
	Keys      aaa.Values  `json:"keys,omitempty"`
	AVPs      aaa.Values  `json:"avps,omitempty"`

	Disconnected *disconnectedView `json:"disconnected,omitempty"`
}

// replyStep answers with what a verb did.
func replyStep(c *web.Call, s *aaa.SessionAnswer, err error) error {
	if err != nil {
		return err
	}
	v := stepView{Result: s.Result, SID: s.SID, Challenge: s.Challenge, Holder: s.Holder, Session: viewSession(s.Session), Keys: s.Keys, AVPs: s.AVPs.Values()}
	if s.Result == aaa.SessionChallenge {
		v.Prompt, v.Echo = &s.Prompt, &s.Echo
	}
	if d := s.Disconnected; d != nil {
		v.Disconnected = &disconnectedView{d.Acknowledged, d.ErrorCause}
	}
	a := web.Answer{Data: v}
	if s.SID != "" {
		a = a.Created("/v2/accounts/" + string(c.Account()) + "/aaa/sessions/" + s.SID)
	}
	return c.Reply(a)
}

// startSession is INIT.
func (a *API) startSession(c *web.Call) error {
	values, err := sentValues(c)
	if err != nil {
		return err
	}
	step, err := operations.StartSession.Call(c.Context(), a.Line, from(c), aaa.Request{ID: c.ID(), Op: aaa.Authn, Values: values})
	return replyStep(c, step, err)
}

// listSessions lists the account's sessions, or with ?descendants=true those of all accounts below it too.
func (a *API) listSessions(c *web.Call) error {
	descendants, err := c.Flag("descendants")
	if err != nil {
		return err
	}
	key := func(s aaa.Session) string { return s.ID }
	if descendants {
		key = func(s aaa.Session) string { return string(s.Account) + "/" + s.ID }
	}
	filter := sessionFilter(c)
	return web.ServeList(c, func(ctx context.Context, p store.Page) ([]aaa.Session, string, error) {
		got, err := operations.ListSessions.Call(ctx, a.Line, from(c), operations.SessionPage{Filter: filter, Page: p, Below: descendants})
		return got.Rows, got.Next, err
	}, key, func(s aaa.Session) any { return viewSession(s) })
}

// sessionFilter takes the filters by which the store finds sessions. Empty ones stay with those of any list, and equal no member.
func sessionFilter(c *web.Call) (f aaa.SessionFilter) {
	for key, at := range map[string]*string{"user": &f.User, "state": &f.State} {
		if c.Query().Get("filter_"+key) != "" {
			*at = c.TakeFilters(key)[key]
		}
	}
	return f
}

// byID reports whether the path names a session by its derived id. That is no key to it, as the SID is: who
// goes by it must be allowed to write.
func byID(c *web.Call) bool { return aaa.IsSessionID(c.Param("sid")) }

// sessionScope is what a token needs to reach the session that the path names.
func sessionScope(c *web.Call) web.Scope {
	if byID(c) {
		return web.MayWrite
	}
	return c.Route().Scope
}

func (a *API) getSession(c *web.Call) error {
	get := operations.Session
	if byID(c) {
		get = operations.SessionByID
	}
	s, err := get.Call(c.Context(), a.Line, from(c), operations.OfSession{SID: c.Param("sid")})
	if err != nil {
		return err
	}
	return c.Reply(web.Answer{Data: viewSession(*s)})
}

// continueSession is CONT.
func (a *API) continueSession(c *web.Call) error {
	values, err := sentValues(c)
	if err != nil {
		return err
	}
	step, err := operations.ContinueSession.Call(c.Context(), a.Line, from(c), operations.OfSession{SID: c.Param("sid"), Values: values})
	return replyStep(c, step, err)
}

// openSession is OPEN. It goes on when the caller goes away, as accounting does.
func (a *API) openSession(c *web.Call) error {
	values, err := maybeValues(c)
	if err != nil {
		return err
	}
	step, err := operations.OpenSession.Call(context.WithoutCancel(c.Context()), a.Line, from(c), operations.OfSession{SID: c.Param("sid"), Values: values})
	return replyStep(c, step, err)
}

// reportSession is INTERIM.
func (a *API) reportSession(c *web.Call) error {
	usage, values, err := usage(c)
	if err != nil {
		return err
	}
	step, err := operations.ReportSession.Call(c.Context(), a.Line, from(c), operations.OfSession{SID: c.Param("sid"), Values: values, Usage: usage})
	return replyStep(c, step, err)
}

// suspendSession is SUSPEND.
func (a *API) suspendSession(c *web.Call) error {
	usage, values, err := usage(c)
	if err != nil {
		return err
	}
	step, err := operations.SuspendSession.Call(c.Context(), a.Line, from(c), operations.OfSession{SID: c.Param("sid"), Values: values, Usage: usage})
	return replyStep(c, step, err)
}

// closeSession is CLOSE. It goes on when the caller goes away.
func (a *API) closeSession(c *web.Call) error {
	usage, values, err := usage(c)
	if err != nil {
		return err
	}
	closes := operations.CloseSession
	if byID(c) {
		closes = operations.CloseSessionByID
	}
	asked := operations.OfSession{SID: c.Param("sid"), Values: values, Usage: usage, Cause: c.Query().Get("cause")}
	step, err := closes.Call(context.WithoutCancel(c.Context()), a.Line, from(c), asked)
	return replyStep(c, step, err)
}

// maybeValues are the caller's keys, none without a body.
func maybeValues(c *web.Call) (aaa.Values, error) {
	if !c.IsSent() {
		return aaa.Values{}, nil
	}
	return sentValues(c)
}

// countersMember is the member of data that holds the counters.
const countersMember = "counters"

// usage reads the counters, from the member of that name or from the keys of their attributes, and the caller's other keys.
func usage(c *web.Call) (usage aaa.Usage, values aaa.Values, err error) {
	data, _ := c.Sent().(map[string]any)
	sent, given := data[countersMember]
	delete(data, countersMember)
	if values, err = maybeValues(c); err != nil {
		return usage, nil, err
	}
	counters, ok := sent.(map[string]any)
	if given && !ok {
		return usage, nil, aaa.Invalid(aaa.Field{Path: countersMember, Rule: "type", Message: "must be an object", Target: "object"})
	}
	faults := usageOfCounters(&usage, counters, values)
	faults = append(faults, usageOfKeys(&usage, values)...)
	if faults != nil {
		return usage, nil, aaa.Invalid(faults...)
	}
	return usage, values, nil
}

// usageOfCounters reads the member counters, whose members must not be among the keys too.
func usageOfCounters(usage *aaa.Usage, counters map[string]any, values aaa.Values) (faults []aaa.Field) {
	for _, name := range slices.Sorted(maps.Keys(counters)) {
		path := countersMember + "." + name
		k := slices.Index(counterMembers(), name)
		number, isNumber := counters[name].(json.Number)
		n, err := strconv.ParseUint(number.String(), 10, 64)
		switch {
		case k < 0:
			faults = append(faults, aaa.Field{Path: path, Rule: "unknown", Message: schema.Unknown("there is no such counter", name, counterMembers())})
		case values[aaa.CounterTable[k].Attribute] != nil:
			faults = append(faults, aaa.Field{Path: path, Rule: "conflict", Message: "is also given as " + aaa.CounterTable[k].Attribute})
		case !isNumber || err != nil:
			faults = append(faults, aaa.Field{Path: path, Rule: "type", Message: "must be a whole number from 0 to 18446744073709551615", Value: counters[name]})
		default:
			usage[k] = aaa.Reported{Count: n, Path: path}
		}
	}
	return faults
}

func counterMembers() []string {
	names := make([]string, aaa.NumCounters)
	for k, c := range aaa.CounterTable {
		names[k] = c.Member
	}
	return names
}

// usageOfKeys takes the counters out of the caller's keys, where they are numbers or texts.
func usageOfKeys(usage *aaa.Usage, values aaa.Values) (faults []aaa.Field) {
	for k, c := range aaa.CounterTable {
		if _, ok := values[c.Carry]; ok && c.Carry != "" {
			faults = append(faults, aaa.Field{Path: c.Carry, Rule: "unknown", Message: "give the whole count of 64 bits in " + c.Attribute})
		}
		v, ok := values[c.Attribute]
		if !ok {
			continue
		}
		delete(values, c.Attribute)
		n, err := strconv.ParseUint(fmt.Sprint(v), 10, 64)
		if err != nil {
			faults = append(faults, aaa.Field{Path: c.Attribute, Rule: "type", Message: "is not a whole number of at most 64 bits"})
			continue
		}
		usage[k] = aaa.Reported{Count: n, Path: c.Attribute}
	}
	return faults
}
