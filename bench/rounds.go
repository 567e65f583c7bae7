package main

// contender is one of the things that are compared; run measures it once, in requests/s.
type contender struct {
	name string
	run  func() (float64, error)
}

// alternate measures the contenders in turn for a number of rounds, every other
// round in reverse, so that a machine that is slow for a while is slow for all of them.
func alternate(rounds int, list ...contender) (map[string][]float64, error) {
	rates := make(map[string][]float64, len(list))
	for round := range rounds {
		for i := range list {
			c := list[i]
			if round%2 == 1 {
				c = list[len(list)-1-i]
			}
			rate, err := c.run()
			if err != nil {
				return nil, err
			}
			rates[c.name] = append(rates[c.name], rate)
		}
	}
	return rates, nil
}

// ratio is the median over the rounds of a's rate divided by b's.
func ratio(a, b []float64) float64 {
	var list []float64
	for i := range a {
		if b[i] > 0 {
			list = append(list, a[i]/b[i])
		}
	}
	return median(list)
}
