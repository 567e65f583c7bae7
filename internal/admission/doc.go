// Package admission shares a node's memory and processors between callers: Budget bounds the octets that bodies and
// answers in flight hold, Places how many requests about configuration go on at once, Heavy how many texts are decoded
// and compiled at once, and Turns lines up those who want the same thing. Each gives every account its part, so that one
// account's load is no other's. Refusals are *aaa.Error of aaa.KindBusy (the node has no room) or aaa.KindLimited (the
// account has used its part). Nothing here knows HTTP.
package admission
