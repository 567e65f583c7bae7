package tacacs

import (
	"errors"
	"fmt"
	"slices"

	"aaa-api/internal/aaa"
	"aaa-api/internal/crossing"
	"aaa-api/internal/tacacs"
)

// names are the definitions of the header fields (dictionary_tacacs) and of the attribute that tells records apart.
type names struct {
	user, password, newPassword, port, remAddr           *aaa.Attribute
	authenType, authenMethod, privLvl, service, action   *aaa.Attribute
	userMsg, chapID, chapChallenge, chapResponse, status *aaa.Attribute
}

const acctStatusType = 40 // RFC 2866 §5.1

func namesOf(d Dictionary) (n names, err error) {
	for name, field := range map[string]**aaa.Attribute{
		"user": &n.user, "password": &n.password, "new_password": &n.newPassword, "port": &n.port, "rem_addr": &n.remAddr,
		"authen_type": &n.authenType, "authen_method": &n.authenMethod, "priv_lvl": &n.privLvl, "authen_service": &n.service, "action": &n.action,
		"user_msg": &n.userMsg, "chap_id": &n.chapID, "chap_challenge": &n.chapChallenge, "chap_response": &n.chapResponse,
	} {
		if *field = d.ByName(name); *field == nil || !(*field).OfTACACS() {
			return n, fmt.Errorf("the dictionary has no field %s of TACACS+", name)
		}
	}
	if n.status = d.Standard(acctStatusType); n.status == nil {
		return n, errors.New("the dictionary has no Acct-Status-Type")
	}
	return n, nil
}

// avps is a packet's fields as engines/tacacs reads them.
type avps []aaa.AVP

func (l *avps) add(a *aaa.Attribute, value []byte) { *l = append(*l, aaa.AVP{Attr: a, Value: value}) }

// text adds a field unless it is empty: an empty field is an absent one (RFC 8907 §4.1).
func (l *avps) text(a *aaa.Attribute, value string) {
	if value != "" {
		l.add(a, []byte(value))
	}
}

func (l *avps) octet(a *aaa.Attribute, value byte) { l.add(a, []byte{value}) }

// identity adds the beginning of authorization and accounting requests.
func (l *avps) identity(n *names, i *tacacs.Identity) {
	l.text(n.user, i.User)
	l.text(n.port, i.Port)
	l.text(n.remAddr, i.RemAddr)
	l.octet(n.privLvl, i.PrivLvl)
	l.octet(n.authenType, byte(i.AuthenType))
	l.octet(n.service, byte(i.AuthenService))
	l.octet(n.authenMethod, byte(i.AuthenMethod))
}

// arguments adds arguments, which have been checked.
func (l *avps) arguments(d aaa.Dictionary, args []string) {
	for _, text := range args {
		a, _ := tacacs.ParseArgument(text)
		*l = append(*l, aaa.AVP{Attr: argument(d, a.Name), Value: []byte(a.Value), Optional: !a.Mandatory})
	}
}

// argument finds the definition of an argument: arguments go by name, to the letter.
func argument(d aaa.Dictionary, name string) *aaa.Attribute {
	if a := d.ByName(name); a != nil && a.IsArgument() && a.Name == name {
		return a
	}
	return aaa.NewArgument(name)
}

// alias are the names that attributes of RADIUS have for the same: rules, tables and users files may go by either.
var alias = map[string]string{
	"user": "User-Name", "password": "User-Password", "new_password": "New-Password", "port": "NAS-Port-Id", "rem_addr": "Calling-Station-Id",
}

// values makes the values of a request. An argument with the name of something else, such as user, is not among them: what tables and users
// files go by is what the header says. What a user typed is there as a password alone: no name says of the others that they are secret.
func (s *Server) values(list []aaa.AVP) aaa.Values {
	values := crossing.Values(slices.DeleteFunc(slices.Clone(list), func(v aaa.AVP) bool {
		a := s.o.Dictionary.ByName(v.Attr.Name)
		return v.Attr.IsArgument() && a != nil && !a.IsArgument()
	}), s.o.Dictionary)
	for field, name := range alias {
		if v, ok := values[field]; ok && values[name] == nil {
			values[name] = v
		}
	}
	if v, ok := values[s.names.userMsg.Name]; ok {
		delete(values, s.names.userMsg.Name)
		values["User-Password"] = v
	}
	delete(values, "data")
	return values
}
