package aaa

import (
	"encoding/json"
	"slices"
	"time"
)

// ClientProtocol is what a network device speaks to this service.
type ClientProtocol uint8

// The protocols of devices.
const (
	ClientRADIUS ClientProtocol = iota
	ClientTACACS
	NumClientProtocols
)

var clientProtocolNames = [NumClientProtocols]string{ClientRADIUS: "radius", ClientTACACS: "tacacs"}

// String is the protocol's name in documents, metrics and logs.
func (p ClientProtocol) String() string { return clientProtocolNames[p] }

// Client is the document of a network device, or of a network of them, that sends its AAA requests here. It names the account whose
// requests they are.
type Client struct {
	Disabled    bool   `json:"-"` // the member enabled of its JSON, true if absent, says the opposite
	Description string `json:"description,omitempty"`

	Address     string            `json:"address,omitempty"` // IP address or prefix that its packets come from
	Certificate ClientCertificate `json:"certificate,omitzero"`
	Protocols   []string          `json:"protocols,omitempty"` // radius, tacacs; none: both

	Secret         Secret    `json:"secret,omitzero"`
	PreviousSecret Secret    `json:"previous_secret,omitzero"` // still good while the secret is being changed
	WarnAfter      time.Time `json:"warn_after,omitzero"`      // from when on the use of PreviousSecret is a warning in the log

	RequireMessageAuthenticator string `json:"require_message_authenticator,omitempty"` // MACRequired (default), MACWithProxyState, MACOff

	NASType      string   `json:"nas_type,omitempty"`
	Quirks       []string `json:"quirks,omitempty"`        // faults of the device that are forgiven
	RealmRouting bool     `json:"realm_routing,omitempty"` // the realm of User-Name chooses an account below
	ReplyWithin  int      `json:"reply_within,omitempty"`  // milliseconds of a TACACS+ device's patience; 0 means DefaultReplyWithin

	CoA ClientCoA `json:"coa,omitzero"`
}

// plainClient is a Client without its methods.
type plainClient Client

// MarshalJSON implements json.Marshaler. It masks secrets.
func (c Client) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Enabled bool `json:"enabled"`
		plainClient
	}{!c.Disabled, plainClient(c)})
}

// UnmarshalJSON implements json.Unmarshaler. What the JSON lacks stays as it is, but for enabled.
func (c *Client) UnmarshalJSON(text []byte) error {
	form := struct {
		Enabled *bool `json:"enabled"`
		*plainClient
	}{nil, (*plainClient)(c)}
	if err := json.Unmarshal(text, &form); err != nil {
		return err
	}
	c.Disabled = form.Enabled != nil && !*form.Enabled
	return nil
}

// Speaks reports whether the client may use a protocol.
func (c *Client) Speaks(p ClientProtocol) bool {
	return len(c.Protocols) == 0 || slices.Contains(c.Protocols, p.String())
}

// ClientCertificate says by which certificate a device is known that comes over TLS.
type ClientCertificate struct {
	SAN    string `json:"san,omitempty"`    // a DNS name, IP address or URI of its subject alternative names
	Issuer string `json:"issuer,omitempty"` // with Serial: the issuer's distinguished name (RFC 2253)
	Serial string `json:"serial,omitempty"` // hexadecimal
}

// ClientCoA is where a device takes Disconnect-Requests and CoA-Requests (RFC 5176).
type ClientCoA struct {
	Enabled bool   `json:"enabled,omitempty"`
	Address string `json:"address,omitempty"` // IP address; empty: that of the request which began the session
	Port    int    `json:"port,omitempty"`    // 0 means 3799
	Secret  Secret `json:"secret,omitzero"`   // empty: Client.Secret
}

// Values of RequireMessageAuthenticator of clients.
const (
	MACRequired       = "required"
	MACWithProxyState = "required-with-proxy-state" // of Access-Requests that have a Proxy-State
	MACOff            = "off"
)

// Quirks of clients: faults of the device that are forgiven.
const (
	QuirkShortBody      = "short-body"
	QuirkPasswordInData = "password-in-data"
	QuirkBareArguments  = "bare-arguments"
	QuirkBlankRemAddr   = "blank-rem-addr"
	QuirkEmptyArguments = "empty-arguments"
)

// DefaultReplyWithin is how long a TACACS+ device is expected to wait for an answer.
const DefaultReplyWithin = 4 * time.Second
