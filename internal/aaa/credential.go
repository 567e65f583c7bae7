package aaa

// Numbers of attributes that name a user or prove who it is: RFC 2865, RFC 2869 §5.4, RFC 3579 §3.1,
// RFC 2548, and the header fields of dictionary_tacacs.
const (
	userName      = 1
	userPassword  = 2
	chapPassword  = 3
	chapChallenge = 60
	arapPassword  = 70
	eapMessage    = 79

	vendorMicrosoft = 311

	tacacsUser          = 1
	tacacsPassword      = 2
	tacacsNewPassword   = 3
	tacacsUserMsg       = 11
	tacacsData          = 13
	tacacsCHAPID        = 14
	tacacsCHAPChallenge = 15
	tacacsCHAPResponse  = 16
)

// NamesUser reports whether an attribute holds the user's name. It goes by the number, as a
// tenant's dictionary may call the attribute anything.
func (a *Attribute) NamesUser() bool {
	switch {
	case a.Parent != nil:
		return false
	case a.Vendor == nil:
		return a.Number == userName
	}
	return a.OfTACACS() && a.Number == tacacsUser
}

// Credential reports whether an attribute holds what proves who a user is, or a part of it: a
// password, a hash of one with its challenge, an EAP message, the answer to a prompt.
func (a *Attribute) Credential() bool {
	if a.Parent != nil {
		return false
	}
	if a.Vendor == nil {
		switch a.Number {
		case userPassword, chapPassword, chapChallenge, arapPassword, eapMessage:
			return true
		}
		return false
	}
	switch a.Vendor.Number {
	case vendorMicrosoft: // MS-CHAP-Response, -CPW-1, -CPW-2, -LM-Enc-PW, -NT-Enc-PW, -Challenge, MS-CHAP2-Response, -CPW
		switch a.Number {
		case 1, 3, 4, 5, 6, 11, 25, 27:
			return true
		}
	case VendorTACACS:
		switch a.Number {
		case tacacsPassword, tacacsNewPassword, tacacsUserMsg, tacacsData, tacacsCHAPID, tacacsCHAPChallenge, tacacsCHAPResponse:
			return true
		}
	}
	return false
}
