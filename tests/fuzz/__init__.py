"""Every parser against mutations of a committed corpus, guided by coverage; and cost versus length."""
