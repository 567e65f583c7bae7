package radius

// Attributes of the standard space that have a meaning of their own here or in an engine.
const (
	AttrUserName             = 1
	AttrUserPassword         = 2
	AttrCHAPPassword         = 3
	AttrNASIPAddress         = 4
	AttrNASPort              = 5
	AttrFramedIPAddress      = 8
	AttrReplyMessage         = 18
	AttrState                = 24
	AttrClass                = 25
	AttrVendorSpecific       = 26
	AttrSessionTimeout       = 27
	AttrCallingStationID     = 31
	AttrNASIdentifier        = 32
	AttrProxyState           = 33
	AttrAcctStatusType       = 40
	AttrAcctDelayTime        = 41
	AttrAcctSessionID        = 44
	AttrAcctSessionTime      = 46
	AttrAcctTerminateCause   = 49
	AttrEventTimestamp       = 55
	AttrCHAPChallenge        = 60
	AttrPrompt               = 76
	AttrEAPMessage           = 79
	AttrMessageAuthenticator = 80
	AttrNASIPv6Address       = 95
	AttrErrorCause           = 101
)

// Original-Packet-Code is 241.4: an extended attribute (RFC 7930 §4).
const (
	AttrExtended1         = 241
	ExtOriginalPacketCode = 4
)

// Microsoft's attributes for MS-CHAP (RFC 2548 §2).
const (
	VendorMicrosoft     = 311
	AttrMSCHAPResponse  = 1
	AttrMSCHAPChallenge = 11
	AttrMSCHAP2Response = 25
)

// Values of Acct-Status-Type (RFC 2866 §5.1).
const (
	StatusStart = 1
	StatusStop  = 2
)

// PromptEcho is the value of Prompt for an answer that may be shown while it is typed (RFC 2869 §5.10).
const PromptEcho = 1
