package aaa

// Numbers of attributes that name a user or prove who it is: RFC 2865, RFC 2869 §5.4, RFC 3579 §3.1,
// RFC 2548, and the header fields of dictionary_tacacs.
const (
	userName      = 1
	userPassword  = 2
	chapPassword  = 3
	serviceType   = 6
	chapChallenge = 60
	arapPassword  = 70
	eapMessage    = 79

	vendorMicrosoft = 311
	msCHAPResponse  = 1
	msCHAPChallenge = 11
	msCHAP2Response = 25

	tacacsUser          = 1
	tacacsPassword      = 2
	tacacsNewPassword   = 3
	tacacsAuthenType    = 6
	tacacsAction        = 10
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

// clearPassword reports whether an attribute holds the user's password itself.
func (a *Attribute) clearPassword() bool {
	switch {
	case a.Parent != nil:
		return false
	case a.Vendor == nil:
		return a.Number == userPassword
	}
	return a.OfTACACS() && a.Number == tacacsPassword
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

// Proves reports whether an attribute alone proves who a user is: a Credential that is no challenge.
func (a *Attribute) Proves() bool {
	switch {
	case !a.Credential():
		return false
	case a.Vendor == nil:
		return a.Number != chapChallenge
	case a.OfTACACS():
		return a.Number != tacacsCHAPID && a.Number != tacacsCHAPChallenge
	}
	return a.Number != msCHAPChallenge
}

// Single reports whether a request has room for one value of an attribute: a user's name, a password
// or one of its hashes (RFC 2865 §5.44), a header field of TACACS+.
func (a *Attribute) Single() bool {
	switch {
	case a.Parent != nil:
		return false
	case a.Vendor == nil:
		return a.Number == userName || a.Number == userPassword || a.Number == chapPassword || a.Number == arapPassword
	case a.Vendor.Number == vendorMicrosoft:
		return a.Number == msCHAPResponse || a.Number == msCHAP2Response
	}
	return a.OfTACACS() && !a.IsArgument()
}

// Purpose reports whether a field of a TACACS+ header says what is asked: authen_type, authen_method,
// priv_lvl, authen_service or action. Each has a default, so a request without it asks for something else.
func (a *Attribute) Purpose() bool {
	return a.OfTACACS() && a.Number >= tacacsAuthenType && a.Number <= tacacsAction
}

// NamesService reports whether an attribute is Service-Type (RFC 2865 §5.6).
func (a *Attribute) NamesService() bool {
	return a.Parent == nil && a.Vendor == nil && a.Number == serviceType
}
