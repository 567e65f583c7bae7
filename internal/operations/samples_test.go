package operations

import (
	"encoding/json"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/ingress"
	"aaa-api/internal/store"
)

// sample is what the API promises of an operation, and a request of it. The requests of deletions name a revision that is not there, so
// that each can be sent again.
type sample struct {
	access  Access
	request func(s *site) any
}

const (
	smallDocument = `{"aaa_mode":"off"}`
	smallTable    = "Start:\n\t*.+AUTHEN.ACK RADIUS Wait\nWait:\n\t*.*.TIMEOUT NULL End\n\t*.RADIUS.ACK REPLY End\nEnd:\n"
	smallUsers    = "# nobody\n"
	smallClient   = `{"certificate":{"san":"switch.example.net"},"secret":"a long shared secret"}`
	smallScript   = `{"request":"AUTHEN","arrives":[]}`
	someID        = "0123456789abcdef0123456789abcdef"
)

var (
	another = aaa.Revisions{Given: true, List: []int64{1 << 40}}
	aPage   = store.Page{Limit: 50}
)

// plain is a sample whose request is the same at every site.
func plain[Q any](access Access, q Q) sample {
	return sample{access, func(*site) any {
		mine := q
		return &mine
	}}
}

// samples has one entry for each operation.
var samples = map[string]sample{
	"accounts.create":      plain(writes, Members{Sent: decoded(`{"name":"new"}`)}),
	"accounts.get":         plain(reads, None{}),
	"accounts.replace":     plain(writes, Members{Sent: decoded(`{"name":"other"}`)}),
	"accounts.patch":       plain(writes, Members{Sent: decoded(`{"name":"third"}`), Expected: another}),
	"accounts.delete":      plain(writes, Expecting{Expected: another}),
	"accounts.move":        {writes, func(s *site) any { return &Moving{To: string(s.sibling)} }},
	"accounts.children":    plain(reads, aPage),
	"accounts.descendants": plain(reads, aPage),
	"accounts.ancestors":   plain(reads, None{}),
	"accounts.tree":        plain(reads, None{}),
	"accounts.limits":      plain(reads, None{}),

	"documents.get":       plain(readsDocument, KnownDocument{}),
	"documents.create":    plain(writesDocument, Written{Sent: decoded(smallDocument)}),
	"documents.replace":   plain(writesDocument, Written{Sent: decoded(smallDocument)}),
	"documents.patch":     plain(writesDocument, Written{Sent: decoded(`{"x-note":"y"}`)}),
	"documents.delete":    plain(writesDocument, Expecting{Expected: another}),
	"documents.revisions": plain(readsDocument, HistoryPart{Limit: 50}),
	"documents.revision":  plain(readsDocument, KnownRevision{Revision: 1}),
	"documents.roll_back": plain(writesDocument, ExpectedRevision{Revision: 1}),

	"dictionaries.list":        plain(reads, aPage),
	"dictionaries.get":         plain(reads, KnownDictionary{Key: "acme", AsText: true}),
	"dictionaries.create":      plain(writes, admin.DictionaryUpload{Name: "acme", Text: []byte("VENDOR Acme 99999\n")}),
	"dictionaries.replace":     plain(writes, DictionaryWritten{Key: "acme", Upload: admin.DictionaryUpload{Name: "acme", Value: json.RawMessage(`[{"vendor":{"Acme":99999}}]`)}}),
	"dictionaries.delete":      plain(writes, ExpectedKey{Key: "acme", Expected: another}),
	"dictionaries.list_system": plain(readsDocument, None{}),
	"dictionaries.get_system":  plain(readsDocument, SystemDictionary{Name: "dictionary", AsText: true}),

	"tables.list":          plain(reads, aPage),
	"tables.list_built_in": plain(reads, None{}),
	"tables.get":           plain(reads, KnownTable{Name: "one", Form: admin.TableMermaid}),
	"tables.create":        plain(writes, admin.TableUpload{Name: "one", Text: []byte(smallTable)}),
	"tables.replace":       plain(writes, TableWritten{Upload: admin.TableUpload{Name: "one", Text: []byte(smallTable)}}),
	"tables.delete":        plain(writes, ExpectedName{Name: "one", Expected: another}),
	"tables.check":         plain(reads, admin.TableUpload{Members: json.RawMessage(`{"states":[]}`)}),
	"tables.simulate":      plain(reads, TableScript{Name: "sequential", Script: json.RawMessage(smallScript)}),

	"users.list":    plain(reads, aPage),
	"users.get":     plain(reads, KnownUsers{Name: "night"}),
	"users.create":  plain(writes, admin.UsersUpload{Name: "night", Text: smallUsers}),
	"users.replace": plain(writes, UsersWritten{Upload: admin.UsersUpload{Name: "night", Text: smallUsers}}),
	"users.delete":  plain(writes, ExpectedName{Name: "night", Expected: another}),

	"clients.list":    plain(reads, aPage),
	"clients.get":     plain(reads, ClientNamed{Name: "switch"}),
	"clients.create":  plain(writes, ClientWritten{Name: "switch", Sent: decoded(smallClient)}),
	"clients.replace": plain(writes, ClientWritten{Name: "switch", Sent: decoded(smallClient)}),
	"clients.patch":   plain(writes, ClientWritten{Name: "switch", Sent: decoded(`{"description":"x"}`)}),
	"clients.delete":  plain(writes, ExpectedName{Name: "switch", Expected: another}),

	"tokens.list":       plain(reads, aPage),
	"tokens.create":     plain(writes, Wanted{Sent: decoded(`{"scopes":["read"]}`)}),
	"tokens.revoke":     plain(writes, Revocation{ID: someID}),
	"tokens.rotate_key": plain(writes, Wanted{Sent: decoded(`{}`)}),
	"tokens.delete_key": plain(writes, None{}),
	"tokens.whoami":     plain(anyToken, None{}),
	"tokens.trade_key":  plain(public, KeyTraded{Key: "no key"}),

	"bans.list":       plain(reads, BansPart{Below: true, Page: aPage}),
	"bans.add":        plain(writes, BanWritten{Sent: decoded(`{"key":"User-Name","value":"eve","seconds":60}`)}),
	"bans.lift":       plain(writes, BanNamed{ID: someID}),
	"bans.lift_value": plain(writes, BannedValue{Key: "User-Name", Value: "eve"}),

	"spool.list":       plain(reads, RecordsPart{Filters: map[string]string{"state": "parked"}, Page: aPage}),
	"spool.backlog":    plain(reads, None{}),
	"spool.get":        plain(reads, Record{ID: someID}),
	"spool.resend":     plain(writes, Record{ID: someID}),
	"spool.drop":       plain(writes, Record{ID: someID}),
	"spool.resend_all": plain(writes, Chosen{Filters: map[string]string{"user": "bob"}}),
	"spool.drop_all":   plain(writes, Chosen{Filters: map[string]string{"user": "bob"}}),

	"requests.handle":     plain(asks, aaa.Request{Op: aaa.Authn, Values: aaa.Values{"User-Name": "bob"}}),
	"requests.dryrun":     plain(asks, aaa.Request{Op: aaa.Authz, Values: aaa.Values{"User-Name": "bob"}, Trace: true}),
	"requests.workers":    plain(asks, None{}),
	"servers.learnt":      plain(readsDocument, None{}),
	"documents.effective": plain(reads, OfOperation{Op: aaa.Custom}),

	"sessions.start":    plain(asks, aaa.Request{Values: aaa.Values{"User-Name": "bob"}}),
	"sessions.continue": plain(asks, OfSession{SID: someID, Values: aaa.Values{"answer": "x"}}),
	"sessions.open":     plain(asks, OfSession{SID: someID}),
	"sessions.report":   plain(asks, OfSession{SID: someID, Usage: aaa.Usage{aaa.InputOctets: {Count: 1, Path: "counters.input_octets"}}}),
	"sessions.suspend":  plain(asks, OfSession{SID: someID, Values: aaa.Values{"holder": "x"}, Usage: aaa.Usage{aaa.InputOctets: {Count: 1, Path: "counters.input_octets"}}}),
	"sessions.close":    plain(asks, OfSession{SID: someID, Cause: "Idle-Timeout"}),
	"sessions.close.id": plain(writes, OfSession{SID: "0123456789ab"}),
	"sessions.get":      plain(reads, OfSession{SID: someID}),
	"sessions.get.id":   plain(writes, OfSession{SID: "0123456789ab"}),
	"sessions.list":     plain(reads, SessionPage{Filter: aaa.SessionFilter{User: "bob", State: "open"}, Page: aPage, Below: true}),

	"keys.begin":       plain(asks, Keyed{Operation: "POST /", Key: "key"}),
	"keys.begin_write": plain(writesDocument, Keyed{Operation: "PUT /", Key: "key"}),
	"keys.end":         plain(public, KeyEnded{Answer: []byte("{}")}),

	"metrics.report": plain(public, Families{Octets: []byte{}}),
	"admit":          plain(public, Entry{Reach: OnAccount, Rate: true}),
	"reaches":        {public, func(s *site) any { return &Named{[]aaa.AccountID{s.tenant, s.sibling}} }},
	"login.check":    plain(public, KeyShown{Key: "no key"}),
	"peers.head":     plain(public, PeerMessage{From: "127.0.0.1:1", Head: "x"}),
	"peers.continue": plain(public, PeerMessage{From: "127.0.0.1:1", Head: "x", Body: "y"}),
	"metrics":        plain(public, Families{Octets: []byte{}}),

	"tls.certificate":       plain(public, KnownCertificate{}),
	"devices.radius":        {devices, func(*site) any { return aPacket(ingress.RADIUSAuth) }},
	"devices.radius_again":  {devices, func(*site) any { return aPacket(ingress.RADIUSAcct) }},
	"devices.tacacs":        {devices, func(*site) any { return aPacket(ingress.TACACSTLS) }},
	"devices.probe":         plain(devices, None{}),
	"devices.tacacs_closed": plain(devices, Closed{Conn: 7}),

	"tls.devices": plain(public, KnownDeviceTLS{}),
	"tls.sign":    plain(public, Signing{Fingerprint: someID, Message: []byte("m")}),
	"ready":       plain(public, None{}),
}
