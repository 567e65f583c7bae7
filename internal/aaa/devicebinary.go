package aaa

import (
	"encoding/json"
)

// AppendBinary implements encoding.BinaryAppender.
func (d *Device) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, byte(d.Protocol))
	from, err := d.From.MarshalBinary()
	if err != nil {
		return nil, err
	}
	for _, text := range [...]string{string(d.Owner), d.Client, d.NASType, string(from)} {
		b = appendText(b, text)
	}
	return appendAVPs(b, d.AVPs)
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (d *Device) UnmarshalBinary(data []byte) error {
	*d = Device{}
	r := valueReader{rest: string(data)}
	read := Device{Protocol: ClientProtocol(r.octet()), Owner: AccountID(r.text()), Client: r.text(), NASType: r.text()}
	from := r.text()
	if r.failed || read.Protocol >= NumClientProtocols {
		return errBinary
	}
	var err error
	if err = read.From.UnmarshalBinary([]byte(from)); err != nil {
		return errBinary
	}
	if read.AVPs, err = readAVPs(r.rest); err != nil {
		return err
	}
	*d = read
	return nil
}

// MarshalJSON implements json.Marshaler: the binary form, in base 64. It holds passwords in the clear.
func (d *Device) MarshalJSON() ([]byte, error) {
	b, err := d.AppendBinary(nil)
	if err != nil {
		return nil, err
	}
	return json.Marshal(b)
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Device) UnmarshalJSON(text []byte) error {
	var b []byte
	if err := json.Unmarshal(text, &b); err != nil {
		return errBinary
	}
	return d.UnmarshalBinary(b)
}

// AppendBinary implements encoding.BinaryAppender.
func (r *DeviceReply) AppendBinary(b []byte) ([]byte, error) {
	return appendAVPs(appendText(b, r.Engine), r.AVPs)
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (r *DeviceReply) UnmarshalBinary(data []byte) error {
	*r = DeviceReply{}
	v := valueReader{rest: string(data)}
	engine := v.text()
	if v.failed {
		return errBinary
	}
	avps, err := readAVPs(v.rest)
	if err != nil {
		return err
	}
	*r = DeviceReply{Engine: engine, AVPs: avps}
	return nil
}

func appendAVPs(b []byte, avps []AVP) ([]byte, error) {
	named := make(AVPs, len(avps))
	for i, v := range avps {
		named[i] = NamedAVP{AVP: v}
		if v.Attr != nil {
			named[i].As = v.Attr.Name
		}
	}
	return named.AppendBinary(b)
}

func readAVPs(form string) ([]AVP, error) {
	var named AVPs
	if err := named.ReadBinary(form); err != nil {
		return nil, err
	}
	avps := make([]AVP, len(named))
	for i := range named {
		avps[i] = named[i].AVP
	}
	return avps, nil
}
