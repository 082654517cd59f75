"""Setup without a screen: the steps in their order, what they ask, what they find out and what they change."""
