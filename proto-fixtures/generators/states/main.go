// Command states records tasks whose time is known: see package ground.
package main

import "fixtures/ground"

func main() { ground.Main() }
