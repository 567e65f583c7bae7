package document

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"aaa-api/internal/aaa"
	"aaa-api/internal/egress"
)

// clientCheck runs the checks that a schema can't make, over the document of a client that its schema accepts.
type clientCheck struct {
	client      aaa.Client
	network     netip.Prefix
	certificate string
	faults      []aaa.Field
}

func (c *clientCheck) fault(path, rule, message string, value any) {
	c.faults = append(c.faults, aaa.Field{Path: path, Rule: rule, Message: message, Value: value})
}

func (c *clientCheck) run() {
	d := &c.client
	if d.Address != "" {
		var err error
		if c.network, err = network(d.Address); err != nil {
			c.fault("address", "pattern", err.Error(), d.Address)
		}
		if d.Secret.IsZero() {
			c.fault("secret", "required", "is required with an address: without one anybody could send in the device's name", nil)
		}
	}
	if d.Certificate != (aaa.ClientCertificate{}) {
		c.checkCertificate()
	} else if d.Address == "" {
		c.fault("address", "required", "is required without a certificate", nil)
	}
	if !d.PreviousSecret.IsZero() && d.Secret.IsZero() {
		c.fault("secret", "required", "is required with previous_secret", nil)
	}
	if a := d.CoA.Address; a != "" {
		if addr, err := netip.ParseAddr(a); err != nil || addr.Is4In6() || !validAddress(a) {
			c.fault("coa.address", "address", "must be the IP address of a host", a)
		}
	}
}

// checkCertificate makes the key of the certificate.
func (c *clientCheck) checkCertificate() {
	switch d := c.client.Certificate; {
	case d.SAN != "" && (d.Issuer != "" || d.Serial != ""):
		c.fault("certificate", "conflict", "must have either san, or issuer and serial", nil)
	case d.SAN != "":
		san, err := canonicalSAN(d.SAN)
		if err != nil {
			c.fault("certificate.san", "pattern", err.Error(), d.SAN)
		}
		c.certificate = "san:" + san
	case d.Serial == "":
		c.fault("certificate.serial", "required", "is required with issuer", nil)
	case d.Issuer == "":
		c.fault("certificate.issuer", "required", "is required with serial", nil)
	case !distinguishedName(d.Issuer):
		c.fault("certificate.issuer", "pattern", "must be a distinguished name, as in CN=Devices CA,O=Example", d.Issuer)
	default:
		c.certificate = "serial:" + CanonicalSerial(d.Serial) + ":" + d.Issuer
	}
}

// CanonicalSerial is a serial number as certificates of devices are looked up by: lower case, without colons and leading zeros.
func CanonicalSerial(serial string) string {
	return strings.TrimLeft(strings.ToLower(strings.ReplaceAll(serial, ":", "")), "0")
}

var errSAN = errors.New("must be a DNS name, an IP address or a URI")

// canonicalSAN gives a subject alternative name the one form in which it is compared.
func canonicalSAN(san string) (string, error) {
	if addr, err := netip.ParseAddr(san); err == nil && addr.Zone() == "" {
		return addr.Unmap().String(), nil
	}
	if validAddress(san) {
		return strings.ToLower(strings.TrimSuffix(san, ".")), nil
	}
	if u, err := url.Parse(san); err != nil || u.Scheme == "" || u.Host == "" && u.Opaque == "" || !aaa.IsLine(san) {
		return "", errSAN
	}
	return san, nil
}

// distinguishedName reports a text that has the form of RFC 2253: attributes with values, separated by commas or plus signs.
func distinguishedName(text string) bool {
	rest := text
	for {
		name, value, ok := strings.Cut(rest, "=")
		name = strings.TrimSpace(name)
		if !ok || name == "" || strings.ContainsFunc(name, notInAttribute) {
			return false
		}
		end := 0
		for end < len(value) && value[end] != ',' && value[end] != '+' {
			if value[end] == '\\' {
				end++
			}
			end++
		}
		if end == 0 || end > len(value) {
			return false
		}
		if end == len(value) {
			return true
		}
		rest = value[end+1:]
	}
}

func notInAttribute(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.'
}

// Bounds within which a client is not warned of.
const (
	shortSecret = 16 // characters
	wide4       = 8  // bits of a prefix
	wide6       = 32
)

// warnings tells what will not do what its writer may think, or is less safe.
func (c *clientCheck) warnings(reach *egress.Account) (list []Warning) {
	warn := func(path, rule, message string) {
		list = append(list, Warning{Path: path, Rule: rule, Message: message})
	}
	d := &c.client
	for _, s := range []struct {
		path   string
		secret aaa.Secret
	}{{"secret", d.Secret}, {"previous_secret", d.PreviousSecret}, {"coa.secret", d.CoA.Secret}} {
		if text := s.secret.Reveal(); text != "" && text != aaa.Mask && len([]rune(text)) < shortSecret {
			warn(s.path, "weak", "has less than 16 characters: who records packets can find it by trying")
		}
	}
	if c.network.IsValid() && (c.network.Addr().Is4() && c.network.Bits() < wide4 || c.network.Addr().Is6() && c.network.Bits() < wide6) {
		warn("address", "wide", "is wider than a /8 of IPv4 or a /32 of IPv6")
	}
	if d.RequireMessageAuthenticator == aaa.MACOff && d.Speaks(aaa.ClientRADIUS) {
		warn("require_message_authenticator", "weak", "who is between the device and the service can forge requests and turn a reject into an accept")
	}
	unused := func(path string, given bool, why string) {
		if given {
			warn(path, "unused", why)
		}
	}
	unused("warn_after", !d.WarnAfter.IsZero() && d.PreviousSecret.IsZero(), "there is no previous_secret")
	for _, m := range []struct {
		path  string
		given bool
		of    aaa.ClientProtocol
	}{{"quirks", len(d.Quirks) > 0, aaa.ClientTACACS}, {"reply_within", d.ReplyWithin != 0, aaa.ClientTACACS}, {"coa", d.CoA.Enabled, aaa.ClientRADIUS}} {
		unused(m.path, m.given && !d.Speaks(m.of), "belongs to "+m.of.String()+", which is not among the protocols")
	}
	if addr, err := netip.ParseAddr(d.CoA.Address); err == nil && !c.network.Contains(addr) && reach.Check(netip.AddrPortFrom(addr, c.coaPort())) != nil {
		warn("coa.address", "not_allowed", "the account may not send there: no request is sent until an account above opens it with server_networks")
	}
	return slices.Clip(list)
}

func (c *clientCheck) coaPort() uint16 {
	if c.client.CoA.Port == 0 {
		return 3799
	}
	return uint16(c.client.CoA.Port) //nolint:gosec // the schema holds it to 65535
}
