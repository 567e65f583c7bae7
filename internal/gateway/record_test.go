package gateway

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
	"time"

	"aaa-api/internal/aaa"
	"aaa-api/internal/plans"
	"aaa-api/internal/spool"
	"aaa-api/internal/store"
)

// acctRules are a document's accounting rules, one for each pair of a request key and an attribute.
func acctRules(pairs ...string) string {
	type rule struct {
		Key       string `json:"request_key"`
		Attribute string `json:"attribute"`
		Value     string `json:"request_value_regexp"`
		Back      string `json:"attr_value_regexp"`
	}
	var rules []rule
	for i := 0; i < len(pairs); i += 2 {
		rules = append(rules, rule{pairs[i], pairs[i+1], "^(.*)$", "^(.*)$"})
	}
	text, err := json.Marshal(rules)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// acctDoc is a document with these accounting rules.
func (f *fixture) acctDoc(members, server string, pairs ...string) string {
	f.t.Helper()
	var d map[string]json.RawMessage
	f.must(json.Unmarshal([]byte(doc("on", server)), &d))
	if members != "" {
		f.must(json.Unmarshal([]byte("{"+members+"}"), &d))
	}
	d["accounting_avp_translation"] = json.RawMessage(acctRules(pairs...))
	text, err := json.Marshal(d)
	f.must(err)
	return string(text)
}

// acctLevel is the compiled document of an account with these rules.
func (f *fixture) acctLevel(pairs ...string) *plans.CompiledDocument {
	f.t.Helper()
	f.put("customer", f.acctDoc("", "one", pairs...))
	plan, err := f.tenants.Plan(f.ctx, f.ids["customer"])
	f.must(err)
	return plan.Routes[aaa.Accounting].Levels[0]
}

var received = time.Date(2026, 3, 1, 12, 0, 0, 500_000_000, time.UTC)

func recorded(t *testing.T, level *plans.CompiledDocument, values aaa.Values) *spool.Record {
	t.Helper()
	maps.DeleteFunc(values, func(_ string, v any) bool { return v == nil })
	r, err := recordOf(level, &aaa.Request{ID: "r", Account: "a", Op: aaa.Accounting, Values: values}, received)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecordKinds: what a record tells of its session, by the keys of the document's rules, else by the attributes' own names.
func TestRecordKinds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	own := f.acctLevel("User-Name", "User-Name")
	ruled := f.acctLevel("event", "Acct-Status-Type", "sid", "Acct-Session-Id", "who", "User-Name", "nas", "NAS-Identifier")
	list := func(v ...any) []any { return v }
	for name, c := range map[string]struct {
		status any
		kind   store.SpoolKind
	}{
		"Start": {"Start", store.SpoolStart}, "1": {"1", store.SpoolStart}, "number 1": {json.Number("1"), store.SpoolStart},
		"Stop": {"Stop", store.SpoolStop}, "2": {json.Number("2"), store.SpoolStop}, "stop": {"stop", store.SpoolStop},
		"Interim-Update": {"Interim-Update", store.SpoolInterim}, "Alive": {"Alive", store.SpoolInterim}, "3": {"3", store.SpoolInterim}, "0x3": {"0x3", store.SpoolInterim},
		"a watchdog": {list("Start", "Interim-Update"), store.SpoolInterim},
		"On":         {"Accounting-On", store.SpoolOther}, "8": {json.Number("8"), store.SpoolOther},
		"Failed": {"Failed", store.SpoolOther}, "9": {"9", store.SpoolOther}, "nonsense": {"nonsense", store.SpoolOther},
		"none": {nil, store.SpoolStart}, "empty": {"", store.SpoolStart},
	} {
		for keys, r := range map[string]*spool.Record{
			"own":   recorded(t, own, aaa.Values{"Acct-Status-Type": c.status, "Acct-Session-Id": "s1", "User-Name": "bob", "NAS-Identifier": "x"}),
			"ruled": recorded(t, ruled, aaa.Values{"event": c.status, "sid": "s1", "who": "bob", "nas": "x"}),
		} {
			if r.Kind != c.kind || r.AcctSessionID != "s1" || r.User != "bob" || (r.Session != "") != (c.kind != store.SpoolOther) || (r.Digest != "") != (r.Session != "") {
				t.Errorf("%s, %s: %+v", name, keys, r)
			}
			if on := name == "On" || name == "8"; (r.Reboot != "") != on {
				t.Errorf("%s, %s: reboot %q", name, keys, r.Reboot)
			}
		}
		if r := recorded(t, own, aaa.Values{"Acct-Status-Type": c.status}); r.Kind != store.SpoolOther || r.Session != "" || r.Digest != "" || r.Reboot != "" {
			t.Errorf("%s without a session: %+v", name, r)
		}
	}
	if r := recorded(t, own, aaa.Values{"task_id": "t1", "stop_time": "5", "user": "eve"}); r.Kind != store.SpoolStop || r.AcctSessionID != "t1" || r.User != "eve" {
		t.Errorf("TACACS+: %+v", r)
	}
	if r := recorded(t, own, aaa.Values{"User-Name": "a\x00b", "Acct-Session-Id": strings.Repeat("é", 200)}); r.User != "a\uFFFDb" || r.AcctSessionID != strings.Repeat("é", 126) {
		t.Errorf("listed as %q, %q", r.User, r.AcctSessionID)
	}
}

// TestRecordSessions: a session is a NAS and its identifier, and a repetition differs in the delay alone.
func TestRecordSessions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	level := f.acctLevel("late", "Acct-Delay-Time")
	base := func(more ...any) aaa.Values {
		v := aaa.Values{"Acct-Session-Id": "s1", "Acct-Status-Type": "Start", "NAS-IP-Address": "192.0.2.1", "User-Name": "bob"}
		for i := 0; i < len(more); i += 2 {
			v[more[i].(string)] = more[i+1]
		}
		return v
	}
	first := recorded(t, level, base())
	for name, c := range map[string]struct {
		values  aaa.Values
		session bool // the same
		digest  bool
	}{
		"again":                  {base(), true, true},
		"with a delay":           {base("late", json.Number("7")), true, true},
		"of another user":        {base("User-Name", "eve"), true, false},
		"a Stop":                 {base("Acct-Status-Type", "Stop"), true, false},
		"of another session":     {base("Acct-Session-Id", "s2"), false, false},
		"of another NAS":         {base("NAS-IP-Address", "192.0.2.2"), false, false},
		"of a NAS with a name":   {base("NAS-Identifier", "192.0.2.1"), false, false},
		"of the NAS in IPv6":     {base("NAS-IP-Address", "::ffff:192.0.2.1"), true, false},
		"of a key named for it":  {base("Acct-Delay-Time", "7"), true, false},
		"of a NAS with IPv6 too": {base("NAS-IPv6-Address", "2001:db8::1"), true, false},
	} {
		r := recorded(t, level, c.values)
		if (r.Session == first.Session) != c.session || (r.Digest == first.Digest) != c.digest {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestRecordTimes: when what a record tells of happened, whatever the caller says of it and however.
func TestRecordTimes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	at := time.Date(2026, 3, 1, 11, 59, 0, 0, time.UTC)
	unix := json.Number("1772366340")
	plain := f.acctLevel("User-Name", "User-Name")
	ruled := f.acctLevel("when", "Event-Timestamp", "late", "Acct-Delay-Time")
	for name, c := range map[string]struct {
		event, delay any
		want         time.Time
	}{
		"neither":                  {nil, nil, received},
		"a number":                 {unix, nil, at},
		"digits":                   {unix.String(), nil, at},
		"RFC 3339":                 {"2026-03-01T12:59:00+01:00", nil, at},
		"FreeRADIUS":               {"Mar  1 2026 11:59:00 UTC", nil, at},
		"both":                     {unix, json.Number("10"), at},
		"a delay":                  {nil, json.Number("10"), received.Add(-10 * time.Second)},
		"a delay in a text":        {nil, "10", received.Add(-10 * time.Second)},
		"no time":                  {"yesterday", json.Number("10"), received.Add(-10 * time.Second)},
		"beyond 2106":              {json.Number("4294967296"), nil, received},
		"before 1970":              {"1969-12-31T23:59:59Z", nil, received},
		"another zone":             {"Mar  1 2026 11:59:00 CET", nil, received},
		"a fraction":               {json.Number("1.5"), nil, received},
		"a delay before the clock": {nil, json.Number("4294967295"), received.Add(-4294967295 * time.Second)},
		"no delay":                 {nil, "soon", received},
		"a delay less than none":   {nil, json.Number("-3"), received},
		"a NAS without a clock":    {json.Number("17"), nil, received},
		"the same with a delay":    {json.Number("17"), json.Number("10"), received.Add(-10 * time.Second)},
		"a month ago":              {number(received.Add(-30 * 24 * time.Hour).Unix()), nil, received.Add(-30 * 24 * time.Hour).Truncate(time.Second)},
		"the last second":          {json.Number("4294967295"), nil, received},
		"a clock that is fast":     {number(received.Add(time.Minute).Unix()), nil, received.Add(time.Minute).Truncate(time.Second)},
	} {
		values := func(event, delay string) aaa.Values {
			v := aaa.Values{"User-Name": "bob"}
			if c.event != nil {
				v[event] = c.event
			}
			if c.delay != nil {
				v[delay] = c.delay
			}
			return v
		}
		r := recorded(t, plain, values("Event-Timestamp", "Acct-Delay-Time"))
		if !r.EventAt.Equal(c.want) || (r.TimeKey != "") != (c.event != nil) || (r.DelayKey != "") != (c.delay != nil) || r.Values["Event-Timestamp"] != c.event {
			t.Errorf("%s: %+v, want %v", name, r, c.want)
		}
		given := values("when", "late")
		r = recorded(t, ruled, given)
		want := c.event
		if want == nil {
			want = number(max(c.want.Unix(), 0))
		}
		if !r.EventAt.Equal(c.want) || r.TimeKey != "when" || r.DelayKey != "late" || r.Values["when"] != want || given["when"] != c.event {
			t.Errorf("%s, by rules: %+v, want %v", name, r, c.want)
		}
	}
}

// TestRebootTimes: what a NAS says of the time of its reboot closes neither sessions that were opened after it nor, if its clock is slow, none: the
// delay needs no clock.
func TestRebootTimes(t *testing.T) {
	t.Parallel()
	level := newFixture(t).acctLevel("User-Name", "User-Name")
	hour := number(received.Add(-time.Hour).Unix())
	for name, c := range map[string]struct {
		event, delay any
		want         time.Time
	}{
		"neither":              {nil, nil, received},
		"a delay":              {nil, "10", received.Add(-10 * time.Second)},
		"a time":               {hour, nil, received.Add(-time.Hour).Truncate(time.Second)},
		"a clock that is slow": {hour, "0", received},
		"a clock that is fast": {number(received.Add(time.Minute).Unix()), nil, received},
		"no clock":             {"5", nil, received},
		"the last second":      {"4294967295", nil, received},
	} {
		for _, status := range []string{"Accounting-On", "Accounting-Off"} {
			r := recorded(t, level, aaa.Values{"Acct-Status-Type": status, "NAS-Identifier": "x", "Event-Timestamp": c.event, "Acct-Delay-Time": c.delay})
			if r.Reboot == "" || !r.EventAt.Equal(c.want) {
				t.Errorf("%s of %s: %v, want %v", name, status, r.EventAt, c.want)
			}
		}
	}
}

func number(n int64) json.Number {
	text, _ := json.Marshal(n) //nolint:errchkjson // a number
	return json.Number(text)
}
