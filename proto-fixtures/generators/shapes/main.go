// Command shapes records tasks whose time is known, in shapes that services have: see ground.Shapes.
package main

import "fixtures/ground"

func main() { ground.MainOf("shapes", ground.Shapes()...) }
