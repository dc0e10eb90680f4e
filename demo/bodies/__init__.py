"""Two bodies of the demo country that hand over their figures by a server of their own."""
