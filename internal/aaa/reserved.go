package aaa

// ReservedKey reports whether a name is that of a member which the answer to an AAA request has of
// its own. No attribute of a reply is mapped to such a key: a backend could else say who is authorised.
func ReservedKey(key string) bool {
	switch key {
	case "AAA-Result", "Is-Authorized", "account_id", "server", "attempts", "State", "prompt", "echo", "refused_by", "avps", "trace":
		return true
	}
	return false
}
