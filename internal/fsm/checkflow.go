package fsm

// checkFlow looks at the states and lines as a graph.
func (c *compiler) checkFlow() {}
