"""Where the page is. None of these addresses ever says whom it is about."""

HOME = "/oppslag"
SIGN_IN = f"{HOME}/logg-inn"
RETURN = f"{HOME}/tilbake"
SIGN_OUT = f"{HOME}/logg-ut"
STYLE = f"{HOME}/stil.css"
ICON = f"{HOME}/ikon.svg"
ALL = (HOME, SIGN_IN, RETURN, SIGN_OUT, STYLE, ICON)
