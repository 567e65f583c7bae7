package tacacs

import (
	"aaa-api/internal/aaa"
	"aaa-api/internal/engines"
)

var _ engines.Omitter = (*client)(nil)

// Omits implements engines.Omitter: the room of a packet depends on its type (RFC 8907 §5.1,
// §5.3, §6.1, §7.1). A custom request is an authorization.
func (c *client) Omits(op aaa.Op, attr *aaa.Attribute) bool {
	switch {
	case attr.IsArgument():
		return op == aaa.Authn
	case attr.OfTACACS():
		return omitsField(op, attr.Number)
	default:
		return attr.Vendor != nil || attr.Parent != nil || omitsStandard(op, attr.Number)
	}
}

func omitsField(op aaa.Op, number uint32) bool {
	switch number {
	case fieldUser, fieldPort, fieldRemAddr, fieldAuthenType, fieldPrivLvl, fieldAuthenService:
		return false
	case fieldPassword, fieldNewPassword, fieldAction, fieldUserMsg, fieldData, fieldCHAPID, fieldCHAPChallenge, fieldCHAPResponse:
		return op != aaa.Authn
	case fieldAuthenMethod:
		return op == aaa.Authn
	default:
		return true
	}
}

// omitsStandard covers the attributes that fields.standard takes.
func omitsStandard(op aaa.Op, number uint32) bool {
	switch number {
	case radiusUserName, radiusCallingStation, radiusNASPortID:
		return false
	case radiusUserPassword, radiusState:
		return op != aaa.Authn
	case radiusStatusType, radiusInputOctets, radiusOutputOctets, radiusSessionID, radiusSessionTime,
		radiusInputPackets, radiusOutputPackets, radiusInputGigawords, radiusOutputGigawords, radiusTimestamp:
		return op != aaa.Accounting
	default:
		return true
	}
}
