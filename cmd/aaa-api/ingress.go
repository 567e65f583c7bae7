package main

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"aaa-api/internal/aaa"
	"aaa-api/internal/clients"
	"aaa-api/internal/crossing"
	"aaa-api/internal/ingress/radius"
	"aaa-api/internal/ingress/tacacs"
	"aaa-api/internal/operations"
)

// serveDevices makes the servers for network devices, where the secrets are. loopKey is that of radius.Options. They answer nothing unless a
// front has a listener.
func (n *module) serveDevices(loopKey [32]byte) error {
	set := n.system.Default()
	values := func(avps []aaa.AVP) aaa.Values { return crossing.Values(avps, set) }
	reply := func(op aaa.Op, res *aaa.Result) ([]aaa.AVP, []string) {
		return crossing.Reply(aaa.ClientRADIUS, op, res, set)
	}
	byRADIUS := radius.New(radius.Options{
		Clients: n.clients, AAA: n.gateway, Dict: set, LoopKey: loopKey, Values: values, Reply: reply, Log: n.log,
	})
	byTACACS, err := tacacs.New(tacacs.Options{Clients: n.clients, AAA: n.gateway, Dictionary: n.system.Behind("dictionary_tacacs"), Logger: n.log})
	if err != nil {
		return err
	}
	n.registry.MustRegister(byRADIUS)
	n.parts.RADIUS, n.parts.TACACS = byRADIUS, byTACACS
	return nil
}

// openClients makes the registry of clients, empty until the change log is read.
func (n *module) openClients(metrics prometheus.Registerer) *clients.Registry {
	return clients.New(clients.Options{Store: n.store.Clients(), Tree: n.store.Accounts(), Opener: n.vault, Log: n.log, Metrics: metrics})
}

// loopKey is that of the mark by which requests are known that come back to the service: the same on all nodes of a database.
func (n *module) loopKey(ctx context.Context) ([32]byte, error) {
	return n.vault.MAC(ctx, aaa.SystemConfig, "loops", nil)
}

// knownDevices is the registry as operators see it.
type knownDevices struct{ *clients.Registry }

// Clients implements operations.Devices.
func (k knownDevices) Clients(start operations.ClientKey, limit int) (list []operations.ClientUse, next operations.ClientKey) {
	found, rest := k.List(limit, clients.Start(start))
	for _, c := range found {
		use := operations.ClientUse{
			Account: c.Account, Name: c.Name, Enabled: !c.Disabled, Requests: c.Requests, Previous: c.Previous, LastSeen: c.LastSeen,
		}
		if c.Address.IsValid() {
			use.Address = c.Address.String()
		}
		list = append(list, use)
	}
	return list, operations.ClientKey(rest)
}

// Unknown implements operations.Devices.
func (k knownDevices) Unknown() []operations.UnknownDevice {
	var list []operations.UnknownDevice
	for _, d := range k.Registry.Unknown() {
		list = append(list, operations.UnknownDevice{
			Address: d.Address.String(), Protocol: d.Protocol, Packets: d.Count, Last: d.Last, Reason: d.Why,
		})
	}
	return list
}

// proxyState is the mark that requests of devices carry to RADIUS servers.
func proxyState(loopKey [32]byte) []byte { return radius.NewProxyState(loopKey) }
