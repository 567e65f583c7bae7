package gateway

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"aaa-api/internal/aaa"
	"aaa-api/internal/spool"
)

// What differs for accounting records of network devices: their attributes are delivered as they came.

// acctDelayTimeNumber is the number of Acct-Delay-Time (RFC 2866 §5.2).
const acctDelayTimeNumber = 41

// sourceOf names what counts the session identifiers of a device's records: the client and the NAS that they name. Where they
// name none, as those of TACACS+, it is the address that they come from.
func sourceOf(d *aaa.Device, nas string) string {
	if nas == "" {
		nas = d.From.String()
	}
	return string(d.Owner) + " " + d.Client + " " + nas
}

// nasOf is the hash of the NAS whose sessions a request is about. A device's is its own, whatever other one the record names: an attribute
// of one client ends no session of another.
func (d identity) nasOf(device *aaa.Device) string {
	if device == nil {
		return d.nas()
	}
	return hashed("NAS of a device", sourceOf(device, d.nas()))
}

// timeArguments are the arguments of TACACS+ that say when what a record tells of happened (RFC 8907 §8.3).
func timeArguments(status uint64) []string {
	switch status {
	case statusStart, accountingOn:
		return []string{"start_time"}
	case statusStop, accountingOff:
		return []string{"stop_time"}
	}
	return nil
}

// deviceAt is the device of a record, nil if none sent it, with the delay that the record's values have now.
func deviceAt(r *spool.Record, values aaa.Values) *aaa.Device {
	if r.Device == nil || r.DelayKey == "" {
		return r.Device
	}
	delay, err := strconv.ParseUint(aaa.ValueText(values[r.DelayKey]), 10, 64)
	i := slices.IndexFunc(r.Device.AVPs, func(v aaa.AVP) bool {
		return v.Attr != nil && v.Attr.Vendor == nil && v.Attr.Parent == nil && v.Attr.Number == acctDelayTimeNumber
	})
	if err != nil || i < 0 {
		return r.Device
	}
	now := *r.Device
	now.AVPs = slices.Clone(now.AVPs)
	now.AVPs[i].Value = binary.BigEndian.AppendUint32(nil, uint32(min(delay, math.MaxUint32))) //nolint:gosec // not larger
	return &now
}
