//go:build !embedded

package actions

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/nametype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"aaa-api/internal/egress"
	"aaa-api/internal/fsm"
)

// Bounds of what is done for a KDC, which a tenant may name.
const (
	kdcTimeout    = 3 * time.Second // for one server, from dialling to its answer
	maxKDCReply   = 64 << 10        // octets
	maxStringKeys = 100_000         // rounds of the string-to-key function; servers of today ask for 4096 or 32768
	maxSkew       = 5 * time.Minute // of the clocks (RFC 4120 §8.2)
)

// strongTypes are the encryption types asked for, best known first: AES of RFC 3962 and RFC 8009.
var strongTypes = []int32{
	etypeID.AES256_CTS_HMAC_SHA1_96, etypeID.AES128_CTS_HMAC_SHA1_96,
	etypeID.AES256_CTS_HMAC_SHA384_192, etypeID.AES128_CTS_HMAC_SHA256_128,
}

// kdcClient makes AS exchanges. The library's client waits for no context and takes
// replies and rounds of any size, so its messages and its cryptography alone are used.
type kdcClient struct {
	resolver *net.Resolver
	config   *config.Config // what the library makes requests of
	reach    *egress.Account
}

func newKDCClient(resolver *net.Resolver) kdcClient {
	c := &config.Config{}
	c.LibDefaults.DefaultTktEnctypeIDs = strongTypes
	c.LibDefaults.TicketLifetime = 10 * time.Minute // the shortest that servers like; it is never used
	c.LibDefaults.NoAddresses = true
	c.LibDefaults.KDCDefaultOptions = types.NewKrbFlags()
	return kdcClient{resolver: resolver, config: c}
}

// denials are the errors by which a KDC says no to the user.
var denials = []int32{
	errorcode.KDC_ERR_NAME_EXP, errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN, errorcode.KDC_ERR_NULL_KEY, errorcode.KDC_ERR_POLICY,
	errorcode.KDC_ERR_CLIENT_REVOKED, errorcode.KDC_ERR_CLIENT_NOTYET, errorcode.KDC_ERR_KEY_EXPIRED, errorcode.KDC_ERR_PREAUTH_FAILED,
}

// login asks for a ticket with the password: ACK, NAK, or ERROR with the reason.
func (c *kdcClient) login(ctx context.Context, realm string, kdcs []string, user, password string) (fsm.Event, error) {
	var err error
	if kdcs == nil {
		if kdcs, err = c.find(ctx, realm); err != nil {
			return fsm.ERROR, err
		}
	}
	cname := types.PrincipalName{NameType: nametype.KRB_NT_PRINCIPAL, NameString: []string{user}}
	req, err := messages.NewASReqForTGT(realm, c.config, cname)
	if err != nil {
		return fsm.ERROR, err
	}
	// First without proof: a KDC that wants some says how its keys are made.
	reply, from, err := c.send(ctx, kdcs, &req)
	if err != nil {
		return fsm.ERROR, err
	}
	hints := types.PADataSequence{}
	var refusal messages.KRBError
	if refusal.Unmarshal(reply) == nil && refusal.ErrorCode == errorcode.KDC_ERR_PREAUTH_REQUIRED {
		if err := hints.Unmarshal(refusal.EData); err != nil {
			return fsm.ERROR, fmt.Errorf("hints of the server: %w", err)
		}
		if err := prove(&req, password, hints); err != nil {
			return fsm.ERROR, err
		}
		if reply, _, err = c.send(ctx, []string{from}, &req); err != nil {
			return fsm.ERROR, err
		}
	}
	refusal = messages.KRBError{}
	if refusal.Unmarshal(reply) == nil {
		err := fmt.Errorf("%s says %s", from, errorcode.Lookup(refusal.ErrorCode))
		if slices.Contains(denials, refusal.ErrorCode) {
			return fsm.NAK, err
		}
		return fsm.ERROR, err
	}
	return judge(reply, &req, password, hints)
}

// prove adds the time, encrypted with the user's key (RFC 4120 §5.2.7.2).
func prove(req *messages.ASReq, password string, hints types.PADataSequence) error {
	key, err := keyFor(password, 0, hints, &req.ReqBody)
	if err != nil {
		return err
	}
	now, err := types.GetPAEncTSEncAsnMarshalled()
	if err != nil {
		return err
	}
	sealed, err := crypto.GetEncryptedData(now, key, keyusage.AS_REQ_PA_ENC_TIMESTAMP, 0)
	if err != nil {
		return err
	}
	value, err := sealed.Marshal()
	if err != nil {
		return err
	}
	req.PAData = append(req.PAData, types.PAData{PADataType: patype.PA_ENC_TIMESTAMP, PADataValue: value})
	return nil
}

// judge checks a ticket that was given: only who knows the user's key could encrypt it for this request.
func judge(reply []byte, req *messages.ASReq, password string, hints types.PADataSequence) (fsm.Event, error) {
	var rep messages.ASRep
	if err := rep.Unmarshal(reply); err != nil {
		return fsm.ERROR, fmt.Errorf("the server's reply: %w", err)
	}
	if rep.CRealm != req.ReqBody.Realm || !rep.CName.Equal(req.ReqBody.CName) {
		return fsm.ERROR, errors.New("the server's reply is for another user")
	}
	if told := types.PADataSequence(rep.PAData); told.Contains(patype.PA_ETYPE_INFO2) {
		hints = told
	}
	key, err := keyFor(password, rep.EncPart.EType, hints, &req.ReqBody)
	if err != nil {
		return fsm.ERROR, err
	}
	plain, err := crypto.DecryptEncPart(rep.EncPart, key, keyusage.AS_REP_ENCPART)
	if err != nil {
		return fsm.NAK, errors.New("the ticket is for another password")
	}
	var part messages.EncKDCRepPart
	if err := part.Unmarshal(plain); err != nil {
		return fsm.ERROR, fmt.Errorf("the server's reply: %w", err)
	}
	if part.Nonce != req.ReqBody.Nonce || part.SRealm != req.ReqBody.Realm || !part.SName.Equal(req.ReqBody.SName) {
		return fsm.ERROR, errors.New("the server's reply belongs to another request")
	}
	if time.Since(part.AuthTime).Abs() > maxSkew {
		return fsm.ERROR, errors.New("the server's clock differs by more than five minutes")
	}
	return fsm.ACK, nil
}

// keyFor makes the user's key of an encryption type, any of ours where it is 0, by the salt and the
// rounds that hints tell (ETYPE-INFO2, RFC 4120 §5.2.7.5); where they tell nothing of the type, by its defaults.
func keyFor(password string, want int32, hints types.PADataSequence, body *messages.KDCReqBody) (types.EncryptionKey, error) {
	none := types.EncryptionKey{}
	chosen := types.ETypeInfo2Entry{EType: want}
	for _, pa := range hints {
		if pa.PADataType != patype.PA_ETYPE_INFO2 {
			continue
		}
		list, err := pa.GetETypeInfo2()
		if err != nil {
			return none, fmt.Errorf("hints of the server: %w", err)
		}
		i := slices.IndexFunc(list, func(e types.ETypeInfo2Entry) bool {
			return slices.Contains(strongTypes, e.EType) && (want == 0 || want == e.EType)
		})
		if i >= 0 {
			chosen = list[i]
			break
		}
	}
	if !slices.Contains(strongTypes, chosen.EType) {
		return none, errors.New("the server has no key of the user with AES")
	}
	etype, err := crypto.GetEtype(chosen.EType)
	if err != nil {
		return none, err
	}
	params := etype.GetDefaultStringToKeyParams()
	switch n := chosen.S2KParams; len(n) {
	case 0:
	case 4:
		if rounds := binary.BigEndian.Uint32(n); rounds == 0 || rounds > maxStringKeys { // 0 stands for 2^32
			return none, fmt.Errorf("the server asks for more than %d rounds to make a key", maxStringKeys)
		}
		params = hex.EncodeToString(n)
	default:
		return none, errors.New("hints of the server are malformed")
	}
	salt := chosen.Salt
	if salt == "" {
		salt = body.CName.GetSalt(body.Realm)
	}
	value, err := etype.StringToKey(password, salt, params)
	if err != nil {
		return none, errors.New("no key can be made of the password")
	}
	return types.EncryptionKey{KeyType: chosen.EType, KeyValue: value}, nil
}

// find asks DNS for the realm's servers (RFC 4120 §7.2.3.2).
func (c *kdcClient) find(ctx context.Context, realm string) ([]string, error) {
	_, records, err := c.resolver.LookupSRV(ctx, "kerberos", "tcp", realm)
	if err != nil {
		return nil, err
	}
	var kdcs []string
	for _, r := range records[:min(len(records), maxKDCs)] {
		if host := strings.TrimSuffix(r.Target, "."); host != "" {
			kdcs = append(kdcs, net.JoinHostPort(host, strconv.Itoa(int(r.Port))))
		}
	}
	if len(kdcs) == 0 {
		return nil, errors.New("DNS names no servers for the realm")
	}
	return kdcs, nil
}

// send asks the servers in order until one answers, and tells which.
func (c *kdcClient) send(ctx context.Context, kdcs []string, req *messages.ASReq) (reply []byte, from string, err error) {
	b, err := req.Marshal()
	if err != nil {
		return nil, "", err
	}
	var errs []error
	for _, addr := range kdcs {
		if reply, err = c.ask(ctx, addr, b); err == nil {
			return reply, addr, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, "", errors.Join(errs...)
}

// ask sends a request to one server: messages have their length before them (RFC 4120 §7.2.2).
func (c *kdcClient) ask(ctx context.Context, addr string, b []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, kdcTimeout)
	defer cancel()
	dialer := c.reach.Dialer()
	dialer.Resolver = c.resolver
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)); err != nil {
		return nil, err
	}
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 || n > maxKDCReply {
		return nil, fmt.Errorf("%s: a reply of %d octets", addr, n)
	}
	reply := make([]byte, n)
	if _, err := io.ReadFull(conn, reply); err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	return reply, nil
}
