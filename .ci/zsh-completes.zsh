# zsh -f .ci/zsh-completes.zsh FOLDER LINE: prints what a zsh in a terminal of its own, with FOLDER in its fpath, shows
# after LINE and Tab.
zmodload zsh/zpty
export TERM=dumb
zpty shell zsh -f -i
# until TEXT: reads on, with what came before in REPLY.
until_text() { zpty -r -m shell REPLY "*$1*" }
# Quotes in what is typed, so that its echo is not taken for the answer.
zpty -w shell "stty columns 160 rows 50; PS1='' LISTMAX=100; fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -D; print rea''dy"
until_text ready
zpty -w -n shell "$2"$'\t'
# Whatever it became, it is put into quotes and printed.
zpty -w -n shell $'\C-aprint -r \'line: \C-e\'; print en\'\'ded\n'
until_text ended
print -r -- "$REPLY"
