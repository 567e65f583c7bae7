package aaa

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// Document is one entity's AAA document. A Document held in memory is never
// changed: a write makes a new one.
type Document struct {
	Mode           Mode     `json:"aaa_mode"`
	Servers        []Server `json:"servers,omitempty"`
	Authentication []string `json:"authentication,omitempty"`
	Authorization  []string `json:"authorization,omitempty"`
	Accounting     []string `json:"accounting,omitempty"`
	Custom         []string `json:"custom,omitempty"`

	Workers    int     `json:"workers,omitempty"` // requests at backends at once; 0 means the default
	NASAddress string  `json:"nas_address,omitempty"`
	NASPort    NASPort `json:"nas_port,omitempty"`

	AuthzApps      []string                 `json:"authz_apps,omitempty"`
	AuthzProviders map[string]AuthzProvider `json:"authz_providers,omitempty"` // system configuration only
	AuthzUsername  string                   `json:"authz_username,omitempty"`
	AuthzPassword  Secret                   `json:"authz_password,omitzero"`

	AuthnTranslation      []Rule `json:"authn_avp_translation,omitempty"`
	AuthzTranslation      []Rule `json:"authz_avp_translation,omitempty"`
	AccountingTranslation []Rule `json:"accounting_avp_translation,omitempty"`
	CustomTranslation     []Rule `json:"custom_avp_translation,omitempty"`

	// FSM names the state machine tables that the operations run by.
	FSM FSM `json:"fsm,omitzero"`
	// Realms are the rules that the action REALM chooses by: rule → realm → server of the document or
	// one of its lists (authentication …). The realm * is any other, the empty one none. Realms compare
	// without regard to case.
	Realms map[string]map[string]string `json:"realms,omitempty"`

	BlockAccounting []Block `json:"block_accounting,omitempty"`
	BlockAuthz      []Block `json:"block_authz,omitempty"`

	SessionTimeout             int `json:"session_timeout,omitempty"`               // seconds
	CookieTimeout              int `json:"cookie_timeout,omitempty"`                // seconds; 0 means DefaultCookieTimeout
	LocalInterimUpdateInterval int `json:"local_interim_update_interval,omitempty"` // seconds

	AccountingDelivery string `json:"accounting_delivery,omitempty"` // DeliveryAnswered (default) or DeliveryStored
	AccountingKeep     int    `json:"accounting_keep,omitempty"`     // seconds; 0 means DefaultAccountingKeep

	TrackSessions bool `json:"track_sessions,omitempty"` // the accounting of network devices keeps AAA sessions

	Bans Bans `json:"bans,omitzero"`

	// ClientRules has the requests of network devices go by the rules too. Else their attributes go to servers as they came.
	ClientRules bool `json:"client_rules,omitempty"`
}

// Bans says who is banned for refused logins. The zero value bans nobody.
type Bans struct {
	By        []string  `json:"by"`                   // request keys whose values are scored
	MaxScore  int       `json:"max_score,omitempty"`  // points of a ban; 0 means DefaultMaxScore
	Points    BanPoints `json:"points,omitzero"`      // what is charged
	BanTime   int       `json:"ban_time,omitempty"`   // seconds; 0 means DefaultBanTime
	ResetTime int       `json:"reset_time,omitempty"` // seconds after the last points; 0 means DefaultBanReset
}

// BanPoints is what each failure costs.
type BanPoints struct {
	Reject *int `json:"reject,omitempty"` // a refused login; nil means DefaultRejectPoints
}

// What a document's bans have by default.
const (
	DefaultMaxScore     = 80
	DefaultRejectPoints = 10
	DefaultBanTime      = 300 * time.Second
	DefaultBanReset     = 300 * time.Second
)

// When an accounting request is answered.
const (
	DeliveryAnswered = "answered" // when a server has taken the record, or none does
	DeliveryStored   = "stored"   // when the record is stored
)

// DefaultAccountingKeep is how long an accounting record is tried.
const DefaultAccountingKeep = 24 * time.Hour

// ServerNames returns the ordered server list of an operation.
func (d *Document) ServerNames(op Op) []string {
	switch op {
	case Authn:
		return d.Authentication
	case Authz:
		return d.Authorization
	case Accounting:
		return d.Accounting
	default:
		return d.Custom
	}
}

// Rules returns the translation section of an operation.
func (d *Document) Rules(op Op) []Rule {
	switch op {
	case Authn:
		return d.AuthnTranslation
	case Authz:
		return d.AuthzTranslation
	case Accounting:
		return d.AccountingTranslation
	default:
		return d.CustomTranslation
	}
}

// Table returns the name of the state machine table of an operation; empty where the document
// names none, which means the built-in one.
func (d *Document) Table(op Op) string {
	if d.FSM.All != "" {
		return d.FSM.All
	}
	return d.FSM.Each[op]
}

// Server is an upstream AAA server of a document.
type Server struct {
	Enabled bool     `json:"enabled"`
	Name    string   `json:"name"`
	Address string   `json:"address"` // IP address or host name
	Port    int      `json:"port"`
	Secret  Secret   `json:"secret"`
	Engine  string   `json:"aaa_engine"` // radius, tacacs or diameter
	Dicts   []string `json:"dicts"`
	AVP     AVPMode  `json:"avp,omitempty"` // empty means strict
	Retries int      `json:"retries"`       // attempts after the first
	Timeout int      `json:"timeout"`       // milliseconds an attempt waits

	RequireMessageAuthenticator string      `json:"require_message_authenticator,omitempty"` // auto (default), yes, no
	HealthCheck                 HealthCheck `json:"health_check,omitzero"`

	PreviousSecret Secret `json:"previous_secret,omitzero"` // of radius and tacacs: still good while the secret is being changed

	Transport     string    `json:"transport,omitempty"` // of radius: udp (default) or tls (RFC 6614, RFC 9765); of tacacs: tcp (default) or tls (RFC 9887)
	TLS           ServerTLS `json:"tls,omitzero"`
	Connections   int       `json:"connections,omitempty"`    // of tacacs and of radius over TLS, 1 to 8; 0 means the default
	SingleConnect string    `json:"single_connect,omitempty"` // of tacacs: auto (default) or no
}

// ServerTLS is how a server reached by TLS is verified, and what this side shows it.
type ServerTLS struct {
	CA          string `json:"ca,omitempty"`          // PEM; empty: the host's own trust store
	Certificate string `json:"certificate,omitempty"` // PEM, the client's own and its chain
	Key         Secret `json:"key,omitzero"`          // PEM, of the certificate
	ServerName  string `json:"server_name,omitempty"` // in the server's certificate; empty: the address
}

// HealthCheck says how a server that stopped answering is found to be back.
type HealthCheck struct {
	Type     string `json:"type,omitempty"` // status-server (default), user, time
	Username string `json:"username,omitempty"`
	Password Secret `json:"password,omitzero"`
}

// AVPMode is a server's avp member.
type AVPMode string

// Strict sends only attributes of the server's dictionaries; CustomAVP also
// takes attributes written by number (Attr-26.2636.5).
const (
	Strict    AVPMode = "strict"
	CustomAVP AVPMode = "custom"
	// StrictArguments is never written in a document: it is strict at a server whose protocol has arguments (TACACS+).
	StrictArguments AVPMode = "strict arguments"
	// AnyName is never written in a document: it is custom at such a server, which takes arguments of any name.
	AnyName AVPMode = "any name"
)

// Rule translates one request key to one attribute and back.
type Rule struct {
	Cast         string `json:"cast,omitempty"` // string_to_integer or empty
	RequestKey   string `json:"request_key"`
	Attribute    string `json:"attribute"`
	RequestValue string `json:"request_value_regexp"`
	AttrValue    string `json:"attr_value_regexp"`
}

// StringToInteger is the one cast.
const StringToInteger = "string_to_integer"

// Block is an entry of block_authz or block_accounting: one direction
// (inbound, outbound) and one locality (internal, external), in any order.
type Block struct {
	Channel []string `json:"channel"`
}

// Circlemaker is the name under which authz_apps lists this service's own servers.
const Circlemaker = "circlemaker"

// AuthzProvider is an external authoriser that authz_apps may name.
type AuthzProvider struct {
	URL      string `json:"url"`
	Secret   Secret `json:"secret"`              // key of the request signature
	Timeout  int    `json:"timeout,omitempty"`   // milliseconds; 0 means 2000
	FailOpen bool   `json:"fail_open,omitempty"` // no answer counts as agreement
}

// NASPort is written as a string of digits or as an integer; both mean the same.
// The zero value is absent.
type NASPort string

// UnmarshalJSON takes "2000" and 2000. The range is the schema's business.
func (p *NASPort) UnmarshalJSON(b []byte) error {
	b = bytes.TrimSpace(b)
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*p = NASPort(s)
		return nil
	}
	var n int64
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("nas_port: %w", err)
	}
	*p = NASPort(strconv.FormatInt(n, 10))
	return nil
}

// Number returns the port as a number; ok is false where it is absent or not a
// 32-bit unsigned integer.
func (p NASPort) Number() (n uint32, ok bool) {
	v, err := strconv.ParseUint(string(p), 10, 32)
	return uint32(v), err == nil
}
