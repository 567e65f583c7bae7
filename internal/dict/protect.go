package dict

import (
	"strings"

	"aaa-api/internal/aaa"
)

// place is an identity without parents.
type place struct{ vendor, number uint32 }

// mustEncrypt are attributes that go out encrypted whatever a dictionary says of
// them, or says nothing: a tenant's dictionary must not be able to put a password
// on the wire in the clear by forgetting an enc.
var mustEncrypt = map[place]aaa.Encryption{
	{0, 2}:    aaa.EncUser,   // User-Password, RFC 2865 §5.2
	{0, 69}:   aaa.EncTunnel, // Tunnel-Password, RFC 2868 §3.5
	{311, 12}: aaa.EncUser,   // MS-CHAP-MPPE-Keys, RFC 2548 §2.4.1
	{311, 16}: aaa.EncTunnel, // MS-MPPE-Send-Key, RFC 2548 §2.4.2
	{311, 17}: aaa.EncTunnel, // MS-MPPE-Recv-Key, RFC 2548 §2.4.3
}

// mustTag are attributes whose value always begins with a tag, be it 0.
var mustTag = map[place]bool{{0, 69}: true} // Tunnel-Password, RFC 2868 §3.5

// mustHide are attributes that hold a password, or what a password can be guessed
// from, without being encrypted.
var mustHide = map[place]bool{
	{0, 3}:    true, // CHAP-Password, RFC 2865 §5.3
	{0, 70}:   true, // ARAP-Password, RFC 2869 §5.4
	{0, 103}:  true, // Digest-Response, RFC 5090 §3.1
	{0, 121}:  true, // Digest-HA1, RFC 5090 §3.19
	{311, 1}:  true, // MS-CHAP-Response, RFC 2548 §2.1.3
	{311, 3}:  true, // MS-CHAP-CPW-1, RFC 2548 §2.1.6
	{311, 4}:  true, // MS-CHAP-CPW-2, RFC 2548 §2.1.7
	{311, 5}:  true, // MS-CHAP-LM-Enc-PW, RFC 2548 §2.1.8
	{311, 6}:  true, // MS-CHAP-NT-Enc-PW, RFC 2548 §2.1.9
	{311, 25}: true, // MS-CHAP2-Response, RFC 2548 §2.3.2
	{311, 27}: true, // MS-CHAP2-CPW, RFC 2548 §2.3.4

	{aaa.VendorTACACS, 2}:  true, // password
	{aaa.VendorTACACS, 3}:  true, // new_password
	{aaa.VendorTACACS, 11}: true, // user_msg: what a user answers, often a password
	{aaa.VendorTACACS, 13}: true, // data: CHAP responses and what servers leave to administrators
	{aaa.VendorTACACS, 16}: true, // chap_response
}

// protect sets Enc, with what that takes, and Hidden of what has to be protected, and Concat of what is a stream. A name that ends in
// Password or Secret is taken at its word.
func protect(a *aaa.Attribute) {
	if a.Parent == nil {
		p := place{vendorNumber(a), a.Number}
		if enc, ok := mustEncrypt[p]; ok && a.Enc == aaa.EncNone {
			a.Enc = enc
			a.Concat, a.Array = false, false
		}
		a.HasTag = a.HasTag || mustTag[p] && a.Enc == aaa.EncTunnel
		a.Hidden = mustHide[p]
		a.Concat = a.Concat || a.Stream()
	}
	a.Hidden = a.Hidden || a.Enc != aaa.EncNone || !container(a.Type) && secretName(a.Name)
}

func secretName(name string) bool {
	for _, word := range [...]string{"password", "secret"} {
		if len(name) >= len(word) && strings.EqualFold(name[len(name)-len(word):], word) {
			return true
		}
	}
	return false
}
