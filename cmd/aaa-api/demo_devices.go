package main

import (
	"context"
	"net/netip"

	"aaa-api/internal/aaa"
	"aaa-api/internal/admin"
	"aaa-api/internal/config"
	"aaa-api/internal/ingress"
)

// demoDevices is where the demo takes packets of devices unless the settings say otherwise. Ports from 1024 on need no privilege.
var demoDevices = [ingress.NumListeners]string{
	ingress.RADIUSAuth: "127.0.0.1:11812", ingress.RADIUSAcct: "127.0.0.1:11813", ingress.TACACS: "127.0.0.1:10049",
}

// What the demo's client document says.
const (
	demoClient       = "demo-devices"
	demoDeviceSecret = "demo-device-secret"
)

// deviceAddresses are where a listener may be, the first one that is free; none: it is off.
func deviceAddresses(cfg *config.Config, l ingress.Listener) []string {
	address := deviceSetting(cfg, l)
	switch {
	case address != "":
		return []string{address}
	case cfg.Demo && demoDevices[l] != "":
		return []string{demoDevices[l], "127.0.0.1:0"}
	}
	return nil
}

// demoDevicesClient makes the document of all devices on this machine, unless there is one.
func demoDevicesClient(ctx context.Context, n *module) error {
	_, err := n.admin.Clients.Create(ctx, &admin.Caller{}, demoProvider, demoClient, map[string]any{
		"address": "127.0.0.1", "secret": demoDeviceSecret, "description": "programs on this machine", "require_message_authenticator": aaa.MACOff,
	})
	if aaa.KindOf(err) == aaa.KindConflict {
		return nil
	}
	return err
}

// devicePort is the port of a listener, 0 if it is off.
func (n *module) devicePort(l ingress.Listener) uint16 {
	for _, at := range n.at.devices {
		if at.listener == l.String() {
			if p, err := netip.ParseAddrPort(at.addr.String()); err == nil {
				return p.Port()
			}
		}
	}
	return 0
}
